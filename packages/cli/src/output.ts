import { CliError, describeError, Exit, systemCode, type ErrorReport } from './errors.js'
import { styleFor } from './style.js'

/** Lines on stdout: the result of a command. Everything else that is said goes to stderr. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

/** One line of JSON on stdout. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}

/** One line for people on stderr. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Tells why the command failed, on stderr, and returns the exit code. */
export function printError(error: unknown, json: boolean): number {
  const report = describeError(error)
  note(json ? errorJson(report) : errorLine(report))
  return report.exit
}

function errorLine({ message }: ErrorReport): string {
  return `${styleFor(process.stderr).red('icf:')} ${message}`
}

function errorJson({ code, message }: ErrorReport): string {
  return JSON.stringify({ error: { code, message } })
}

/** True when this very command line asks for JSON, known also when the command line is wrong. */
export function wantsJson(): boolean {
  return process.argv.includes('--json') || /^(1|true|yes|on)$/i.test(process.env.ICF_JSON ?? '')
}

/** Ends the process when all that was printed is out: process.exit alone may cut a pipe short. */
export function exit(code: number): void {
  process.exitCode = code
  process.stdout.write('', (error) => {
    const final = error && systemCode(error) !== 'EPIPE' ? printError(unwritable(error), wantsJson()) : code
    process.stderr.write('', () => process.exit(final))
  })
}

/** A full disk behind stdout, for example: what was asked for is not there. */
export function unwritable(cause: Error): CliError {
  const code = systemCode(cause) ?? 'STDOUT'
  return new CliError(Exit.FAILED, code, `can not write to stdout: ${cause.message}`, { cause })
}
