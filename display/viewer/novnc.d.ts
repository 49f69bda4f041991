// What the viewer uses of noVNC, which has no types of its own: https://github.com/novnc/noVNC/blob/v1.7.0/docs/API.md
declare module '@novnc/novnc' {
  interface RfbEvents {
    connect: CustomEvent;
    disconnect: CustomEvent<{ readonly clean: boolean }>;
    securityfailure: CustomEvent<{ readonly status: number; readonly reason?: string }>;
    clipboard: CustomEvent<{ readonly text: string }>;
  }

  /** One connection to a display, drawn into an element. */
  export default class RFB extends EventTarget {
    constructor(target: Element, socket: WebSocket);
    scaleViewport: boolean;
    resizeSession: boolean;
    background: string;
    /** 0 to 9, of JPEG. */
    qualityLevel: number;
    /** 0 to 9. */
    compressionLevel: number;
    addEventListener<Name extends keyof RfbEvents>(
      name: Name,
      listener: (event: RfbEvents[Name]) => void,
    ): void;
    clipboardPasteFrom(text: string): void;
    disconnect(): void;
    focus(options?: FocusOptions): void;
  }
}
