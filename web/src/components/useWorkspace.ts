import { useEffect, useEffectEvent, useState, type Dispatch, type SetStateAction } from 'react';
import { loadWorkspace, saveWorkspace, type Workspace } from '@/lib/workspace';

const store = () => localStorage;
const SAVE_AFTER_MS = 400;

/** The workspace of this browser, saved shortly after each change and when the page goes. */
export function useWorkspace(): [
  Workspace,
  Dispatch<SetStateAction<Workspace>>,
  /** Keeps it now, and says whether that worked. */
  () => boolean,
] {
  const [workspace, setWorkspace] = useState(() => loadWorkspace(store));

  useEffect(() => {
    const timer = setTimeout(() => {
      saveWorkspace(store, workspace);
    }, SAVE_AFTER_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [workspace]);

  const saveNow = useEffectEvent(() => {
    saveWorkspace(store, workspace);
  });
  useEffect(() => {
    const listener = () => {
      saveNow();
    };
    // pagehide for reloads and closed tabs; phones may only ever say "hidden".
    window.addEventListener('pagehide', listener);
    document.addEventListener('visibilitychange', listener);
    return () => {
      window.removeEventListener('pagehide', listener);
      document.removeEventListener('visibilitychange', listener);
    };
  }, []);

  return [workspace, setWorkspace, () => saveWorkspace(store, workspace)];
}
