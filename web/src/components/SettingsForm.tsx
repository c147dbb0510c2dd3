import { useId } from 'react';
import { traitsOf } from '@/lib/languages';
import { noLimits, type Limits } from '@/lib/workspace';
import { plain, type InputProps } from './InputPanel';

/** Arguments, compiler options and limits of a run. */
export function SettingsForm({ workspace, sheet, languageName, onChange, onSheet }: InputProps) {
  const { limits } = workspace;
  return (
    <div className="settings">
      <TextField
        label="Arguments"
        hint="as on a command line"
        value={workspace.arguments}
        onText={(text) => {
          onChange({ arguments: text });
        }}
      />
      {traitsOf(workspace.language).compiled && (
        <TextField
          label="Compiler options"
          hint={`for ${languageName}`}
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
    <div className="setting">
      <label htmlFor={id}>
        {label} <span className="hint">{hint}</span>
      </label>
      <input
        {...plain}
        id={id}
        type="text"
        maxLength={512}
        value={value}
        onChange={(event) => {
          onText(event.target.value);
        }}
      />
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
      <legend className="visually-hidden">Limits</legend>
      {limitFields.map(({ name, label, unit, step }) => (
        <div key={name} className="setting">
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
