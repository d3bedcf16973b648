type Labels = Readonly<Record<string, string>>

/** Collects samples and renders them in the Prometheus text format, version 0.0.4. */
export class Exposition {
  readonly #lines: string[] = []

  /** A value that goes up and down. */
  gauge(name: string, help: string, samples: number | readonly (readonly [Labels, number])[]): void {
    this.#family(name, help, 'gauge', samples)
  }

  /** A value that only grows; its name ends in `_total`. */
  counter(name: string, help: string, samples: number | readonly (readonly [Labels, number])[]): void {
    this.#family(name, help, 'counter', samples)
  }

  /** Sum and count of observations, without quantiles. */
  summary(
    name: string,
    help: string,
    { sum, count }: { readonly sum: number; readonly count: number },
  ): void {
    this.#head(name, help, 'summary')
    this.#lines.push(`${name}_sum ${sum}`, `${name}_count ${count}`)
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`
  }

  #family(
    name: string,
    help: string,
    type: string,
    samples: number | readonly (readonly [Labels, number])[],
  ): void {
    this.#head(name, help, type)
    if (typeof samples === 'number') this.#lines.push(`${name} ${samples}`)
    else for (const [labels, value] of samples) this.#lines.push(`${name}{${renderLabels(labels)}} ${value}`)
  }

  #head(name: string, help: string, type: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }
}

function renderLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escape(value)}"`)
    .join(',')
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
