'use client';

import { useSyncExternalStore } from 'react';
import { chooseTheme, currentTheme, subscribeTheme, themes, type Theme } from '@/lib/theme';
import { Icon, type IconName } from './Icon';

const looks: Record<Theme, { label: string; icon: IconName }> = {
  system: { label: 'Like the system', icon: 'system' },
  light: { label: 'Light', icon: 'sun' },
  dark: { label: 'Dark', icon: 'moon' },
};

export function ThemeSwitch() {
  const current = useSyncExternalStore(subscribeTheme, currentTheme, () => null);
  return (
    <fieldset className="theme-switch">
      <legend className="visually-hidden">Theme</legend>
      {themes.map((theme) => (
        <label key={theme} title={looks[theme].label}>
          <input
            type="radio"
            name="theme"
            className="visually-hidden"
            checked={current === theme}
            onChange={() => {
              chooseTheme(theme);
            }}
          />
          <Icon name={looks[theme].icon} />
          <span className="visually-hidden">{looks[theme].label}</span>
        </label>
      ))}
    </fieldset>
  );
}
