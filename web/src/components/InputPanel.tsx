import { useId, useState, type TextareaHTMLAttributes } from 'react';
import { traitsOf } from '@/lib/languages';
import { noLimits, type Limits, type Sheet, type Workspace } from '@/lib/workspace';
import { Tabs } from './ui/Tabs';

interface Props {
  workspace: Workspace;
  sheet: Sheet;
  languageName: string;
  onChange: (change: Partial<Workspace>) => void;
  onSheet: (sheet: Sheet) => void;
}

/** What the program is given beside its code, and what it should print. */
export function InputPanel({ workspace, sheet, languageName, onChange, onSheet }: Props) {
  const [shown, setShown] = useState('input');
  const { limits } = workspace;
  const settings = [
    workspace.arguments,
    sheet.options,
    limits.cpuTime,
    limits.wallTime,
    limits.memory,
  ].filter((value) => value !== '' && value !== null).length;
  const mark = (set: boolean) => set && <span className="dot" aria-hidden="true" />;

  return (
    <section className="panel panel-input" data-part="input" aria-label="Input and settings">
      <div className="panel-head">
        <Tabs
          prefix="input"
          label="Input and settings"
          controls="input-body"
          tabs={[
            { id: 'input', label: <>Input {mark(workspace.stdin !== '')}</> },
            { id: 'expected', label: <>Expected {mark(workspace.expected !== null)}</> },
            { id: 'settings', label: <>Settings {mark(settings > 0)}</> },
          ]}
          value={shown}
          onChange={setShown}
        />
        <span className="aside">
          {shown === 'input' ? 'stdin' : shown === 'expected' ? 'stdout' : ''}
        </span>
      </div>
      <div
        id="input-body"
        role="tabpanel"
        aria-labelledby={`input-tab-${shown}`}
        className="input-body"
      >
        {shown === 'input' && (
          <TextArea
            aria-label="Input"
            placeholder="Text for the program to read"
            value={workspace.stdin}
            onText={(stdin) => {
              onChange({ stdin });
            }}
          />
        )}
        {shown === 'expected' && (
          <TextArea
            aria-label="Expected output"
            placeholder="What the program should print. With it, a run tells whether the output is right, and where it differs."
            value={workspace.expected ?? ''}
            onText={(text) => {
              onChange({ expected: text === '' ? null : text });
            }}
          />
        )}
        {shown === 'settings' && (
          <div className="settings">
            <TextField
              label="Arguments"
              hint="Handed to the program, as on a command line"
              value={workspace.arguments}
              onText={(text) => {
                onChange({ arguments: text });
              }}
            />
            {traitsOf(workspace.language).compiled && (
              <TextField
                label="Compiler options"
                hint={`For ${languageName}`}
                value={sheet.options}
                onText={(options) => {
                  onSheet({ ...sheet, options });
                }}
              />
            )}
            <LimitFields
              limits={limits}
              onChange={(next) => {
                onChange({ limits: next });
              }}
            />
          </div>
        )}
      </div>
    </section>
  );
}

const plain = {
  spellCheck: false,
  autoCapitalize: 'off',
  autoComplete: 'off',
} as const;

interface AreaProps extends Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'onChange'> {
  value: string;
  onText: (text: string) => void;
}

function TextArea({ onText, ...props }: AreaProps) {
  return (
    <textarea
      {...plain}
      {...props}
      className="input"
      onChange={(event) => {
        onText(event.target.value);
      }}
    />
  );
}

interface FieldProps {
  label: string;
  hint: string;
  value: string;
  onText: (text: string) => void;
}

function TextField({ label, hint, value, onText }: FieldProps) {
  const id = useId();
  return (
    <div className="field field-wide">
      <label htmlFor={id}>{label}</label>
      <input
        {...plain}
        id={id}
        type="text"
        maxLength={512}
        aria-describedby={`${id}-hint`}
        value={value}
        onChange={(event) => {
          onText(event.target.value);
        }}
      />
      <span id={`${id}-hint`} className="hint">
        {hint}
      </span>
    </div>
  );
}

const limitFields: { name: keyof Limits; label: string; unit: string; step: number }[] = [
  { name: 'cpuTime', label: 'CPU time', unit: 'seconds', step: 0.5 },
  { name: 'wallTime', label: 'Wall time', unit: 'seconds', step: 1 },
  { name: 'memory', label: 'Memory', unit: 'MB', step: 16 },
];

function LimitFields({ limits, onChange }: { limits: Limits; onChange: (limits: Limits) => void }) {
  const id = useId();
  const changed = limitFields.some(({ name }) => limits[name] !== null);
  return (
    <fieldset className="limits">
      <legend>Limits</legend>
      {limitFields.map(({ name, label, unit, step }) => (
        <div key={name} className="field">
          <label htmlFor={`${id}-${name}`}>
            {label} <span className="hint">{unit}</span>
          </label>
          <input
            id={`${id}-${name}`}
            type="number"
            inputMode="decimal"
            min={step}
            step={step}
            placeholder="default"
            value={limits[name] ?? ''}
            onChange={(event) => {
              const value = event.target.valueAsNumber;
              onChange({ ...limits, [name]: value > 0 ? value : null });
            }}
          />
        </div>
      ))}
      {changed && (
        <button
          type="button"
          className="button quiet"
          onClick={() => {
            onChange(noLimits);
          }}
        >
          Back to defaults
        </button>
      )}
    </fieldset>
  );
}
