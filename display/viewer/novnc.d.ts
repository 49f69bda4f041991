// What the viewer uses of noVNC, which has no types of its own: https://github.com/novnc/noVNC/blob/v1.7.0/docs/API.md
declare module '@novnc/novnc' {
  interface RfbEvents {
    connect: CustomEvent;
    disconnect: CustomEvent<{ readonly clean: boolean }>;
    securityfailure: CustomEvent<{ readonly status: number; readonly reason?: string }>;
    clipboard: CustomEvent<{ readonly text: string }>;
  }

  /** A picture that is being decoded; noVNC draws it, and what comes after it, when it is ready. */
  interface PendingFrame {
    ready: boolean;
    frame: VideoFrame | undefined;
    readonly promise: Promise<void>;
  }

  /** What draws: no part of the documented interface, so a new version of noVNC is looked at first. */
  interface Display {
    imageRect(
      x: number,
      y: number,
      width: number,
      height: number,
      type: string,
      bytes: Uint8Array<ArrayBuffer>,
    ): void;
    videoFrame(x: number, y: number, width: number, height: number, frame: PendingFrame): void;
  }

  /** One connection to a display, drawn into an element. */
  export default class RFB extends EventTarget {
    constructor(target: Element, socket: WebSocket);
    scaleViewport: boolean;
    resizeSession: boolean;
    focusOnClick: boolean;
    readonly _display: Display;
    background: string;
    /** 0 to 9, of JPEG. */
    qualityLevel: number;
    /** 0 to 9. */
    compressionLevel: number;
    addEventListener<Name extends keyof RfbEvents>(
      name: Name,
      listener: (event: RfbEvents[Name]) => void,
    ): void;
    /** Presses and releases a key, by its X11 keysym; a code makes the server take the place on the keyboard instead. */
    sendKey(keysym: number, code: null): void;
    clipboardPasteFrom(text: string): void;
    disconnect(): void;
    /** Not of the documented interface: asks for the size that `_screenSize` says. */
    protected _requestRemoteResize(): void;
    /** Not of the documented interface: the room for the display, in CSS pixels. */
    protected _screenSize(): { w: number; h: number };
  }
}
