import { useId } from 'react';
import {
  everything,
  filterQuery,
  outcomes,
  periods,
  type HistoryFilter,
  type Outcome,
  type Period,
} from '@/lib/history';
import { useLanguages } from '../useLanguages';

interface Props {
  filter: HistoryFilter;
  onChange: (filter: HistoryFilter) => void;
}

export function Filters({ filter, onChange }: Props) {
  const { state } = useLanguages();
  const languages = state.phase === 'ready' ? state.languages : [];
  const known = filter.language === '' || languages.some(({ key }) => key === filter.language);
  return (
    <div className="filters" role="group" aria-label="Filters">
      <Choice
        label="Language"
        all="Every language"
        value={filter.language}
        options={[
          ...(known ? [] : [{ value: filter.language, label: filter.language }]),
          ...languages.map(({ key, name }) => ({ value: key, label: name })),
        ]}
        onChange={(language) => {
          onChange({ ...filter, language });
        }}
      />
      <Choice
        label="Outcome"
        all="Every outcome"
        value={filter.outcome}
        options={Object.entries(outcomes).map(([value, { label }]) => ({ value, label }))}
        onChange={(outcome) => {
          onChange({ ...filter, outcome: outcome as Outcome | '' });
        }}
      />
      <Choice
        label="Time"
        all="Any time"
        value={filter.period}
        options={Object.entries(periods).map(([value, { label }]) => ({ value, label }))}
        onChange={(period) => {
          onChange({ ...filter, period: period as Period | '' });
        }}
      />
      {filterQuery(filter) !== '' && (
        <button
          type="button"
          className="button quiet"
          onClick={() => {
            onChange(everything);
          }}
        >
          Clear the filters
        </button>
      )}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  all: string;
  value: string;
  options: { value: string; label: string }[];
  onChange: (value: string) => void;
}

function Choice({ label, all, value, options, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <div className="filter">
      <label htmlFor={id} className="visually-hidden">
        {label}
      </label>
      <select
        id={id}
        className="field"
        data-set={value === '' ? undefined : ''}
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
        }}
      >
        <option value="">{all}</option>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}
