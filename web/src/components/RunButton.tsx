import { Icon } from './Icon';

export const onMac = () => /Mac|iPhone|iPad/.test(navigator.userAgent);

interface Props {
  /** A program is on its way; once it is taken in, the next may follow. */
  sending: boolean;
  disabled: boolean;
  onRun: () => void;
}

/** aria-disabled, not disabled: the button keeps the focus while a program runs. */
export function RunButton({ sending, disabled, onRun }: Props) {
  return (
    <button
      type="button"
      className="button primary run"
      aria-disabled={sending || disabled}
      aria-keyshortcuts="Control+Enter Meta+Enter"
      onClick={onRun}
    >
      {sending ? <span className="spinner" aria-hidden="true" /> : <Icon name="play" />}
      Run
      <kbd aria-hidden="true">{onMac() ? '⌘ ↵' : 'Ctrl ↵'}</kbd>
    </button>
  );
}
