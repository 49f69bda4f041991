// The bases that the applications come from: a few, so that one which cannot be built costs only its own applications.
import { PAPER_BASE, PAPER_PACKAGES } from '../benchmark/paper-desktop.ts';

/** What is in a base besides what every base has. Recommended packages must be named: a base is built without them. */
export const PACKAGES = {
  desktop: [],
  'compat-text': ['vim', 'nano', 'emacs-gtk', 'tmux', 'mc', 'htop', 'python3', 'nodejs'],
  'compat-browsers': ['firefox-esr', 'chromium', 'thunderbird'],
  'compat-gtk': ['gedit', 'pcmanfm', 'thunar', 'evince', 'gimp', 'inkscape', 'python3-gi', 'gir1.2-gtk-4.0'],
  'compat-office': ['libreoffice-writer', 'libreoffice-calc', 'libreoffice-gtk3'],
  [PAPER_BASE]: PAPER_PACKAGES,
  'compat-qt': ['okular', 'python3-pyqt6'],
  'compat-media': ['mpv', 'vlc-bin', 'vlc-plugin-base', 'vlc-plugin-qt', 'vlc-plugin-video-output'],
  'compat-java': ['openjdk-21-jdk'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The name of one of them. */
export type BaseName = keyof typeof PACKAGES;
