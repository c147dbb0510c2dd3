import { formatKilobytes, formatSeconds } from '@/lib/format';
import { firstLine, type PastRun } from '@/lib/history';
import { toneOf } from '@/lib/status';
import { Icon } from '../Icon';
import { PageLink } from '../site/PageLink';

interface Props {
  run: PastRun;
  chosen: boolean;
  mayChoose: boolean;
  onChoose: (on: boolean) => void;
  onDelete: () => void;
}

export function RunRow({ run, chosen, mayChoose, onChoose, onDelete }: Props) {
  const at = new Date(run.createdAt);
  const time = at.toLocaleTimeString('en', { hour: '2-digit', minute: '2-digit', hour12: false });
  const what = `${run.language.name}, ${time}`;
  return (
    <li className="run-row" data-chosen={chosen ? '' : undefined}>
      <label className="choose" title={mayChoose ? 'Compare' : 'Two runs are chosen'}>
        <input
          type="checkbox"
          checked={chosen}
          disabled={!mayChoose}
          onChange={(event) => {
            onChoose(event.target.checked);
          }}
        />
        <span className="visually-hidden">Compare {what}</span>
      </label>
      <PageLink className="run-link" href={`/history/${run.jobId}`}>
        <span className="run-what">
          <span className="pill" data-tone={toneOf(run.status.id)}>
            {run.status.description}
          </span>
          <span className="run-language">{run.language.name}</span>
        </span>
        <span className="run-says">{firstLine(run) || <i>no output</i>}</span>
        <span className="run-cost">
          {run.time !== null && <span>{formatSeconds(run.time)}</span>}
          {run.memory !== null && <span>{formatKilobytes(run.memory)}</span>}
          <time dateTime={run.createdAt} title={at.toLocaleString('en', { hourCycle: 'h23' })}>
            {time}
          </time>
        </span>
      </PageLink>
      <PageLink className="button quiet" href={`/?run=${run.jobId}`} title="Open in the editor">
        <Icon name="pencil" />
        <span className="visually-hidden">Open in the editor: {what}</span>
      </PageLink>
      <button type="button" className="button quiet" title="Delete" onClick={onDelete}>
        <Icon name="trash" />
        <span className="visually-hidden">Delete {what}</span>
      </button>
    </li>
  );
}
