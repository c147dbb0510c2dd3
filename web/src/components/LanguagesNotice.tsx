import type { LanguagesState } from './useLanguages';

interface Props {
  state: LanguagesState;
  onRetry: () => void;
}

/** Says why nothing can be run yet. */
export function LanguagesNotice({ state, onRetry }: Props) {
  const words = wordsFor(state);
  return (
    <div role="status" className="notice-place">
      {words && (
        <div className="notice">
          <p>
            <strong>{words.title}</strong> {words.detail}
          </p>
          <button type="button" className="button" onClick={onRetry}>
            Try again
          </button>
        </div>
      )}
    </div>
  );
}

function wordsFor(state: LanguagesState): { title: string; detail: string } | null {
  if (state.phase === 'failed') {
    return { title: 'Programs cannot be run right now.', detail: state.problem.detail };
  }
  if (state.phase === 'ready' && state.languages.length === 0) {
    return {
      title: 'No languages yet.',
      detail: 'This Sandgate has no language installed. Once there is one, it appears here.',
    };
  }
  return null;
}
