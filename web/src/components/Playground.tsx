'use client';

import { useSyncExternalStore } from 'react';
import { Workbench } from './Workbench';

const never = () => () => undefined;

/**
 * The workbench shows what this browser remembers, which the server cannot
 * know: the server draws the empty furniture, the browser fills it.
 */
export function Playground({ nonce }: { nonce: string }) {
  const inBrowser = useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
  if (inBrowser) return <Workbench nonce={nonce} />;
  return (
    <main className="main" aria-busy="true">
      <h1 className="visually-hidden">Run code in a sandbox</h1>
      <div className="toolbar" />
      <div className="views" />
      <div className="workbench" data-view="code">
        <div className="panel panel-code" />
        <div className="splitter" />
        <div className="side">
          <div className="panel panel-input" />
          <div className="splitter" />
          <div className="panel panel-result" />
        </div>
      </div>
      <noscript>
        <p className="no-script">Sandgate needs JavaScript to run your code.</p>
      </noscript>
    </main>
  );
}
