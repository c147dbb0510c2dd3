import { lazy, Suspense, useState, type TextareaHTMLAttributes } from 'react';
import type { Sheet, Workspace } from '@/lib/workspace';
import { Tabs } from './ui/Tabs';

const SettingsForm = lazy(() =>
  import('./SettingsForm').then((module) => ({ default: module.SettingsForm })),
);

export interface InputProps {
  workspace: Workspace;
  sheet: Sheet;
  languageName: string;
  onChange: (change: Partial<Workspace>) => void;
  onSheet: (sheet: Sheet) => void;
}

/** What the program is given beside its code, and what it should print. */
export function InputPanel(props: InputProps) {
  const { workspace, sheet, onChange } = props;
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
          <Suspense>
            <SettingsForm {...props} />
          </Suspense>
        )}
      </div>
    </section>
  );
}

export const plain = {
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
