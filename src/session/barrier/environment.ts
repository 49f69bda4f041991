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

/** The environment of the session's first process. */
export function sessionEnvironment(account: Account): Readonly<Record<string, string>> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games',
    HOME: account.homeDir,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
    LANG: 'C.UTF-8',
    DISPLAY: ':1',
    XDG_RUNTIME_DIR: SESSION_RUN_DIR,
    XDG_SESSION_TYPE: 'x11',
    XDG_CURRENT_DESKTOP: 'deskpod',
    DBUS_SESSION_BUS_ADDRESS: `unix:path=${SESSION_RUN_DIR}/bus`,
    // There is no GPU inside: the driver's state could not be checkpointed.
    LIBGL_ALWAYS_SOFTWARE: '1',
    QT_QUICK_BACKEND: 'software',
    QT_XCB_GL_INTEGRATION: 'none',
    GSK_RENDERER: 'cairo',
    // Buses and portals that reach for a system which is not there, or need FUSE.
    NO_AT_BRIDGE: '1',
    GTK_A11Y: 'none',
    GTK_USE_PORTAL: '0',
    GVFS_DISABLE_FUSE: '1',
    // Chromium's zygote leaves credentials in socket queues, its sandbox needs nested namespaces: CRIU takes neither.
    QTWEBENGINE_CHROMIUM_FLAGS: '--no-zygote --disable-gpu',
    QTWEBENGINE_DISABLE_SANDBOX: '1',
  };
}
