import type { Language } from '@/lib/api';
import { exampleFor } from '@/lib/examples';
import { Icon } from './Icon';

/** The wanted language if it is installed, else Python, else one with an example, else the first. */
export function pickLanguage(wanted: string, languages: Language[]): string {
  const has = (key: string) => languages.some((language) => language.key === key);
  if (languages.length === 0 || has(wanted)) return wanted;
  if (has('python')) return 'python';
  return (languages.find(({ key }) => exampleFor(key) !== '') ?? languages[0])?.key ?? wanted;
}

interface Props {
  languages: Language[];
  loading: boolean;
  value: string;
  onChange: (key: string) => void;
}

export function LanguagePicker({ languages, loading, value, onChange }: Props) {
  return (
    <div className="picker">
      <label htmlFor="language" className="visually-hidden">
        Language
      </label>
      <select
        id="language"
        value={value}
        disabled={languages.length === 0}
        onChange={(event) => {
          onChange(event.target.value);
        }}
      >
        {languages.length === 0 && (
          <option value={value}>{loading ? 'Loading…' : 'No language'}</option>
        )}
        {languages.map(({ key, name }) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
      <Icon name="chevron" />
    </div>
  );
}
