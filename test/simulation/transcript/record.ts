interface Line {
  readonly atMs: number
  from: string[]
  to: string[]
  readonly text: string
}

/** So wide is who does something, before what it is. */
const WHO_WIDTH = 20

/** So long is what happens at most, in one line; what is longer is broken where its parts are. */
const TEXT_WIDTH = 90

/** What happens, line by line. */
export class Record {
  /** Called with the text of each line when it is new. */
  added: (line: string) => void = () => undefined
  #lines: Line[] = []
  #startMs = 0

  constructor(private readonly now: () => number) {}

  /** What comes from now on is of the next step, and its times count from here. */
  begin(): void {
    this.#startMs = this.now()
    this.#lines = []
  }

  /** What one sends several at once, or several one, is one line. */
  message(from: string, to: string, text: string): void {
    const twin = this.#lines.find(
      (line) =>
        line.atMs === this.now() &&
        line.text === text &&
        ((line.from.join() === from && !line.to.includes(to)) ||
          (line.to.join() === to && !line.from.includes(from))),
    )
    if (!twin) this.#add({ atMs: this.now(), from: [from], to: [to], text })
    else if (twin.from.includes(from)) twin.to.push(to)
    else twin.from.push(from)
  }

  /** Something changed with somebody. @param details lines of their own */
  note(who: string, text: string, details: readonly string[] = []): void {
    this.#add({ atMs: this.now(), from: [who], to: [], text })
    for (const detail of details) this.#add({ atMs: NaN, from: [], to: [], text: detail })
  }

  render(): string[] {
    return this.#lines.flatMap((line) => broken(this.#render(line)))
  }

  #add(line: Line): void {
    this.#lines.push(line)
    this.added(this.#render(line))
  }

  #render({ atMs, from, to, text }: Line): string {
    const time = Number.isNaN(atMs) ? '' : (atMs - this.#startMs).toFixed(1)
    const who = to.length === 0 ? from.join() : `${from.join(' ')} → ${to.join(' ')}`
    return `${time.padStart(7)}  ${who.padEnd(WHO_WIDTH)}  ${text}`
  }
}

const TEXT_AT = 7 + 2 + WHO_WIDTH + 2

/** In several lines, when it is long. */
function broken(line: string): string[] {
  const lines: string[] = []
  let current = ''
  for (const part of line.split('; ')) {
    const joined = current === '' ? part : `${current}; ${part}`
    if (current === '' || joined.length <= TEXT_AT + TEXT_WIDTH) current = joined
    else {
      lines.push(`${current};`)
      current = ' '.repeat(TEXT_AT + 2) + part
    }
  }
  return [...lines, current]
}
