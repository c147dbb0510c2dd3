interface Props {
  value: string;
  onChange: (value: string) => void;
}

export function InputPanel({ value, onChange }: Props) {
  return (
    <section className="panel panel-input" aria-labelledby="input-title">
      <div className="panel-head">
        <h2 id="input-title">Input</h2>
        <span className="aside">stdin</span>
      </div>
      <textarea
        className="input"
        aria-labelledby="input-title"
        placeholder="Text for the program to read"
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
        }}
      />
    </section>
  );
}
