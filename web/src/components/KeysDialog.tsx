import { Dialog } from './ui/Dialog';

const groups: { title: string; keys: [string, string][] }[] = [
  {
    title: 'Everywhere',
    keys: [
      ['Mod Enter', 'Run the program'],
      ['Mod S', 'Keep the work now (it is kept by itself, too)'],
      ['Mod K', 'Choose a language'],
      ['F6', 'Go to the next part of the page'],
      ['?', 'This list, outside of text fields'],
    ],
  },
  {
    title: 'In the code',
    keys: [
      ['Mod /', 'Comment lines out, and back in'],
      ['Tab', 'Indent; Shift Tab takes it back'],
      ['Esc then Tab', 'Leave the editor'],
      ['Mod F', 'Find and replace'],
      ['Ctrl G', 'Go to a line'],
      ['F8', 'Go to the next problem'],
      ['Alt ↑ ↓', 'Move lines; with Shift, copy them'],
      ['Shift Mod K', 'Delete lines'],
      ['Mod Z', 'Undo; with Shift, redo'],
    ],
  },
  {
    title: 'On a tab',
    keys: [
      ['← →', 'Go to another tab'],
      ['F2', 'Rename the file'],
      ['Delete', 'Delete the file, or the run'],
    ],
  },
];

export function KeysDialog({ mac, onClose }: { mac: boolean; onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <div className="key-groups">
        {groups.map(({ title, keys }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, what]) => (
                <div key={key}>
                  <dt>
                    {key
                      .split(' ')
                      .map((part) =>
                        part === 'then' ? (
                          ' then '
                        ) : (
                          <kbd key={part}>{part === 'Mod' ? (mac ? '⌘' : 'Ctrl') : part}</kbd>
                        ),
                      )}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
