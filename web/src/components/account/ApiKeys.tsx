'use client';

import { useId, useState } from 'react';
import {
  fetchKeys,
  keyState,
  makeKey,
  revokeKey,
  rotateKey,
  scopes,
  type ApiKey,
  type NewApiKey,
  type Scope,
} from '@/lib/account';
import type { Problem } from '@/lib/problem';
import { problemOf } from '@/lib/request';
import { CopyButton } from '../CopyButton';
import { Confirm } from '../ui/Confirm';
import { Dialog } from '../ui/Dialog';
import { Message, ProblemMessage } from '../ui/Message';
import { toast } from '../ui/toast';
import { useLoaded } from '../useLoaded';

type Open =
  | { kind: 'make' }
  | { kind: 'secret'; key: NewApiKey; instead: string | null }
  | { kind: 'rotate'; key: ApiKey }
  | { kind: 'revoke'; key: ApiKey };

export function ApiKeys({ allowed, guest }: { allowed: boolean; guest: boolean }) {
  return (
    <section aria-labelledby="keys">
      <h2 id="keys">API keys</h2>
      {allowed ? (
        <Keys guest={guest} />
      ) : (
        <Message title="Keys belong to an account">
          <p>Sign in, and you can make keys for programs of yours that call the API.</p>
        </Message>
      )}
    </section>
  );
}

function Keys({ guest }: { guest: boolean }) {
  const { state, retry, refresh } = useLoaded(fetchKeys);
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => {
    setOpen(null);
  };
  const made = (key: NewApiKey, instead: string | null) => {
    setOpen({ kind: 'secret', key, instead });
    refresh();
  };

  return (
    <>
      <p className="soft">
        With a key, a program of yours calls the API as you do here, within the same limits: it
        sends the key in the header <code>X-Auth-Token</code>.
        {guest &&
          ' Keys of a guest go on working when the cookie is gone, and can’t be revoked here then.'}
      </p>
      {state.phase === 'loading' && (
        <>
          <p role="status" className="visually-hidden">
            Loading the keys
          </p>
          <div className="card skeleton" />
        </>
      )}
      {state.phase === 'failed' && <ProblemMessage problem={state.problem} onRetry={retry} />}
      {state.phase === 'ready' && (
        <KeyTable
          keys={state.value}
          onOpen={(next) => {
            setOpen(next);
          }}
        />
      )}

      {open?.kind === 'make' && (
        <MakeKey
          onClose={close}
          onMade={(key) => {
            made(key, null);
          }}
        />
      )}
      {open?.kind === 'secret' && <Secret made={open.key} instead={open.instead} onClose={close} />}
      {open?.kind === 'rotate' && (
        <Rotate
          keyToRotate={open.key}
          onClose={close}
          onMade={(key, what) => {
            made(key, what);
          }}
        />
      )}
      {open?.kind === 'revoke' && (
        <Confirm
          title={`Revoke “${open.key.name}”?`}
          action="Revoke the key"
          onClose={close}
          onConfirm={async () => {
            await revokeKey(open.key.id);
            close();
            refresh();
            toast('The key was revoked.');
          }}
        >
          <p>Whatever uses it is refused from now on. A revoked key can’t be brought back.</p>
        </Confirm>
      )}
    </>
  );
}

function KeyTable({ keys, onOpen }: { keys: ApiKey[]; onOpen: (open: Open) => void }) {
  const [now] = useState(() => new Date());
  const shown = [...keys].reverse();
  const make = (
    <button
      type="button"
      className="button primary"
      onClick={() => {
        onOpen({ kind: 'make' });
      }}
    >
      Make a key
    </button>
  );
  if (shown.length === 0) {
    return (
      <Message title="No keys yet">
        <p>Make one for each program that calls the API, so that each can be revoked by itself.</p>
        {make}
      </Message>
    );
  }
  return (
    <>
      <div className="table-tools">{make}</div>
      <div className="card table-scroll">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Begins with</th>
              <th scope="col">May</th>
              <th scope="col">Made</th>
              <th scope="col">Last used</th>
              <th scope="col">State</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((key) => {
              const state = keyState(key, now);
              return (
                <tr key={key.id} data-gone={state === 'works' ? undefined : ''}>
                  <th scope="row" data-label="Name">
                    {key.name}
                  </th>
                  <td data-label="Begins with">
                    <code>{key.prefix}…</code>
                  </td>
                  <td data-label="May">{key.scopes.join(', ')}</td>
                  <td data-label="Made">{date(key.createdAt)}</td>
                  <td data-label="Last used">
                    {key.lastUsedAt === null ? 'never' : date(key.lastUsedAt)}
                  </td>
                  <td data-label="State">
                    {state !== 'works'
                      ? state
                      : key.expiresAt === null
                        ? 'works'
                        : `works until ${date(key.expiresAt)}`}
                  </td>
                  <td className="row-actions">
                    {state === 'works' && (
                      <>
                        <button
                          type="button"
                          className="button quiet"
                          onClick={() => {
                            onOpen({ kind: 'rotate', key });
                          }}
                        >
                          Rotate<span className="visually-hidden"> {key.name}</span>
                        </button>
                        <button
                          type="button"
                          className="button quiet"
                          onClick={() => {
                            onOpen({ kind: 'revoke', key });
                          }}
                        >
                          Revoke<span className="visually-hidden"> {key.name}</span>
                        </button>
                      </>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Runs what a form does, and keeps what went wrong. */
function useSubmit(work: () => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const submit = () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    work().catch((error: unknown) => {
      setProblem(problemOf(error));
      setBusy(false);
    });
  };
  return { busy, problem, submit };
}

function FormProblem({ problem }: { problem: Problem | null }) {
  return (
    <p role="alert" className="form-problem">
      {problem && (problem.fields.length > 0 ? problem.fields.join('. ') : problem.detail)}
    </p>
  );
}

function MakeKey({ onClose, onMade }: { onClose: () => void; onMade: (key: NewApiKey) => void }) {
  const id = useId();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<Scope[]>(['submit', 'read']);
  const [days, setDays] = useState(90);
  const { busy, problem, submit } = useSubmit(async () => {
    onMade(await makeKey({ name: name.trim(), scopes: chosen, days }, new Date()));
  });
  return (
    <Dialog title="Make an API key" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <label htmlFor={`${id}-name`}>Name</label>
        <input
          id={`${id}-name`}
          className="field"
          required
          maxLength={100}
          autoComplete="off"
          aria-describedby={`${id}-hint`}
          value={name}
          onChange={(event) => {
            setName(event.target.value);
          }}
        />
        <p id={`${id}-hint`} className="soft small">
          What it is for, such as “homework checker”.
        </p>
        <fieldset>
          <legend>It may</legend>
          {(Object.keys(scopes) as Scope[]).map((scope) => (
            <label key={scope} className="check">
              <input
                type="checkbox"
                checked={chosen.includes(scope)}
                onChange={(event) => {
                  setChosen(
                    event.target.checked
                      ? [...chosen, scope]
                      : chosen.filter((other) => other !== scope),
                  );
                }}
              />
              {scopes[scope]}
            </label>
          ))}
        </fieldset>
        <label htmlFor={`${id}-days`}>It stops working</label>
        <select
          id={`${id}-days`}
          className="field"
          value={days}
          onChange={(event) => {
            setDays(Number(event.target.value));
          }}
        >
          <option value={30}>after 30 days</option>
          <option value={90}>after 90 days</option>
          <option value={365}>after a year</option>
          <option value={0}>never</option>
        </select>
        <FormProblem problem={problem} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="button primary"
            aria-disabled={busy || chosen.length === 0}
          >
            Make the key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface SecretProps {
  made: NewApiKey;
  /** What is said of the key before it. */
  instead: string | null;
  onClose: () => void;
}

function Secret({ made, instead, onClose }: SecretProps) {
  return (
    <Dialog title={`“${made.name}” is ready`} onClose={onClose}>
      <p>
        This is the only time the key is shown. Copy it now, and keep it where only your program can
        read it.
      </p>
      <div className="secret">
        <code>{made.secret}</code>
        <CopyButton text={made.secret} what="The key" />
      </div>
      {instead && <p className="soft">{instead}</p>}
      <div className="dialog-actions">
        <button type="button" className="button primary" onClick={onClose}>
          I have it
        </button>
      </div>
    </Dialog>
  );
}

interface RotateProps {
  keyToRotate: ApiKey;
  onClose: () => void;
  onMade: (key: NewApiKey, instead: string) => void;
}

function Rotate({ keyToRotate, onClose, onMade }: RotateProps) {
  const id = useId();
  const [hours, setHours] = useState(24);
  const { busy, problem, submit } = useSubmit(async () => {
    const made = await rotateKey(keyToRotate.id, hours * 3600);
    onMade(
      made,
      hours === 0
        ? 'The key before it does not work any more.'
        : `The key before it goes on working for ${hours} ${hours === 1 ? 'hour' : 'hours'}.`,
    );
  });
  return (
    <Dialog title={`Rotate “${keyToRotate.name}”?`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <p>A new key with the same name and rights takes its place.</p>
        <label htmlFor={`${id}-hours`}>The old one goes on working</label>
        <select
          id={`${id}-hours`}
          className="field"
          value={hours}
          onChange={(event) => {
            setHours(Number(event.target.value));
          }}
        >
          <option value={0}>not at all</option>
          <option value={1}>for an hour</option>
          <option value={24}>for a day</option>
          <option value={168}>for a week</option>
        </select>
        <FormProblem problem={problem} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" aria-disabled={busy}>
            Rotate
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function date(text: string): string {
  return new Date(text).toLocaleDateString('en', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  });
}
