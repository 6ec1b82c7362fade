const encoder = new TextEncoder();
/** The other screen of the terminal, without a cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_TO_END_OF_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

export interface ScreenOptions {
  /** @default standard output */
  write?: (text: string) => void;
  /** @default the size of the terminal */
  size?: () => { columns: number; rows: number };
}

/** A whole terminal that is drawn again and again, in place, and given back as it was. */
export class Screen implements Disposable {
  readonly #write: (text: string) => void;
  readonly #size: () => { columns: number; rows: number };

  constructor(options: ScreenOptions = {}) {
    this.#write = options.write ?? ((text) => void Deno.stdout.writeSync(encoder.encode(text)));
    this.#size = options.size ?? Deno.consoleSize;
    this.#write(ENTER);
  }

  get columns(): number {
    return this.#size().columns;
  }

  /** What has no room is left out, with a line that says so; `footer` is always there. */
  draw(lines: readonly string[], footer: string): void {
    const room = Math.max(this.#size().rows - 1, 1);
    const more = lines.length - room + 1;
    const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), `… and ${more} more lines`];
    const text = [...shown, footer].map((line) => line + CLEAR_TO_END_OF_LINE).join("\r\n");
    this.#write(HOME + text + CLEAR_BELOW);
  }

  [Symbol.dispose](): void {
    this.#write(LEAVE);
  }
}
