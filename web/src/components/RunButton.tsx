import { Icon } from './Icon';

const onMac = () => /Mac|iPhone|iPad/.test(navigator.userAgent);

interface Props {
  running: boolean;
  disabled: boolean;
  onRun: () => void;
}

/** aria-disabled, not disabled: the button keeps the focus while a program runs. */
export function RunButton({ running, disabled, onRun }: Props) {
  return (
    <button
      type="button"
      className="button primary run"
      aria-disabled={running || disabled}
      aria-keyshortcuts="Control+Enter Meta+Enter"
      onClick={onRun}
    >
      {running ? <span className="spinner" aria-hidden="true" /> : <Icon name="play" />}
      {running ? 'Running' : 'Run'}
      {!running && <kbd aria-hidden="true">{onMac() ? '⌘ ↵' : 'Ctrl ↵'}</kbd>}
    </button>
  );
}
