// The environment of a session: what makes toolkits behave so that the session can be checkpointed and moved.

/** The account that a session runs as, from the pod's own /etc/passwd. */
export interface Account {
  readonly name: string;
  readonly homeDir: string;
  readonly shell: string;
}

/** The user and group of everything in a session, inside its user namespace. */
export const SESSION_UID = 1000;

/** Where sockets of the session live, inside it. */
export const SESSION_RUN_DIR = `/run/user/${SESSION_UID}`;

/** The number of the session's X display. */
export const SESSION_DISPLAY = 1;

/** Some variables, and why they are set. */
export interface ProfileVariables {
  readonly variables: Readonly<Record<string, string>>;
  readonly reason: string;
}

/** The variables that keep programs from what a checkpoint cannot hold, or another host does not have. */
export const PROFILE_VARIABLES: readonly ProfileVariables[] = [
  {
    variables: {
      LIBGL_ALWAYS_SOFTWARE: '1',
      QT_QUICK_BACKEND: 'software',
      QT_XCB_GL_INTEGRATION: 'none',
      GSK_RENDERER: 'cairo',
      SDL_RENDER_DRIVER: 'software',
      WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      WEBKIT_DISABLE_DMABUF_RENDERER: '1',
    },
    reason: "pictures are drawn by the processor: the state of a GPU's driver could not be checkpointed",
  },
  {
    variables: { GDK_BACKEND: 'x11', QT_QPA_PLATFORM: 'xcb', ELECTRON_OZONE_PLATFORM_HINT: 'x11' },
    reason: 'the display is one of X11: nothing else is looked for',
  },
  {
    variables: { NO_AT_BRIDGE: '1', GTK_A11Y: 'none', GTK_USE_PORTAL: '0' },
    reason: 'buses and portals of a system that is not there',
  },
  {
    variables: { GVFS_DISABLE_FUSE: '1', APPIMAGE_EXTRACT_AND_RUN: '1' },
    reason: 'there is no FUSE: CRIU cannot checkpoint one inside. AppImages unpack themselves instead',
  },
  {
    variables: {
      QTWEBENGINE_DISABLE_SANDBOX: '1',
      ELECTRON_DISABLE_SANDBOX: '1',
      MOZ_ASSUME_USER_NS: '0',
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
    },
    reason: "browsers' own sandboxes need nested namespaces, which CRIU cannot checkpoint",
  },
  {
    variables: { QTWEBENGINE_CHROMIUM_FLAGS: '--no-zygote --disable-gpu' },
    reason: "the zygote leaves credentials in a socket's queue, which CRIU cannot checkpoint",
  },
];

/** A file of settings in the pod, and why it is there. */
interface ProfileFile {
  readonly path: string;
  readonly text: string;
  readonly reason: string;
}

/** Settings of programs that go by no variable. */
export const PROFILE_FILES: readonly ProfileFile[] = [
  {
    path: '/etc/chromium.d/deskpod',
    text: 'export CHROMIUM_FLAGS="$CHROMIUM_FLAGS --no-sandbox --disable-gpu"\n',
    reason: "Debian's Chromium reads it: its sandbox needs nested namespaces, and there is no GPU",
  },
  {
    path: '/etc/mpv/mpv.conf',
    text: 'vo=x11,\n',
    reason: 'mpv reads it: it would draw by OpenGL, which the processor cannot do at the pace of a film',
  },
  {
    path: '/etc/pulse/client.conf.d/deskpod.conf',
    text: 'autospawn = yes\n',
    reason:
      'where PulseAudio is installed it starts with the first program that sounds: nothing else starts it here',
  },
];

/** The environment of the session's first process. */
export function sessionEnvironment(account: Account): Readonly<Record<string, string>> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games',
    HOME: account.homeDir,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
    LANG: 'C.UTF-8',
    DISPLAY: `:${SESSION_DISPLAY}`,
    XDG_RUNTIME_DIR: SESSION_RUN_DIR,
    XDG_SESSION_TYPE: 'x11',
    XDG_CURRENT_DESKTOP: 'deskpod',
    DBUS_SESSION_BUS_ADDRESS: `unix:path=${SESSION_RUN_DIR}/bus`,
    ...Object.assign({}, ...PROFILE_VARIABLES.map(({ variables }) => variables)),
  };
}
