import { Dialog } from './ui/Dialog';

interface Props {
  languageName: string;
  onReplace: () => void;
  onCancel: () => void;
}

/** Asks before a run of before takes the place of work in the editor. */
export function ReplaceDialog({ languageName, onReplace, onCancel }: Props) {
  return (
    <Dialog title="Replace what is in the editor?" onClose={onCancel}>
      <p>
        You have work of your own in {languageName}. Opening this run puts its files, its input and
        its settings in their place.
      </p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onCancel}>
          Keep mine
        </button>
        <button type="button" className="button primary" onClick={onReplace}>
          Replace
        </button>
      </div>
    </Dialog>
  );
}
