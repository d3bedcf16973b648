import { errorMeaning, IcfError } from '@icf/common'

/** What the exit code of every `icf` command says. */
export const Exit = {
  DONE: 0,
  /** The answer is no: a missing key, a file that differs. */
  NO: 1,
  /** Wrong usage: the command line has to change. */
  USAGE: 2,
  /** Could not reach or do it: the same command line may work later. */
  FAILED: 3,
} as const

export type Exit = (typeof Exit)[keyof typeof Exit]

/** Ends the command with one line for people. `code` is what programs compare with `--json`. */
export class CliError extends Error {
  override readonly name = 'CliError'

  constructor(
    readonly exit: Exit,
    readonly code: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }
}

export function usageError(message: string): CliError {
  return new CliError(Exit.USAGE, 'USAGE', message)
}

export interface ErrorReport {
  readonly exit: Exit
  readonly code: string
  /** One line, but for a bug: then its stack trace follows. */
  readonly message: string
}

const USAGE_CODES: readonly string[] = ['INVALID_ARGUMENT', 'INVALID_KEY', 'INVALID_VALUE']

/** What to tell of anything that a command threw. What nobody foresaw is a bug, and says so. */
export function describeError(error: unknown): ErrorReport {
  if (error instanceof CliError) return { exit: error.exit, code: error.code, message: error.message }
  if (error instanceof IcfError) return describeIcfError(error)
  if (isSystemError(error)) return { exit: Exit.FAILED, code: error.code, message: error.message }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return {
    exit: Exit.FAILED,
    code: 'BUG',
    message: `this is a bug in icf; please report it with these lines:\n${trace}`,
  }
}

function describeIcfError(error: IcfError): ErrorReport {
  // An address that can not be bound is an invalid argument to the server, but nothing is wrong with the command line.
  const isUsage = USAGE_CODES.includes(error.code) && systemCode(error.cause) === undefined
  const message = error.code === 'INTERNAL' ? `${error.message} (${errorMeaning('INTERNAL')})` : error.message
  return { exit: isUsage ? Exit.USAGE : Exit.FAILED, code: error.code, message }
}

/** True for what a master that is starting, or changing, may not answer the next time. */
export function isPassing(error: unknown): error is Error {
  return ['UNREACHABLE', 'TIMEOUT', 'CLOSED', 'BUSY', 'STANDBY'].includes(describeError(error).code)
}

/** `code` of an error of the operating system, such as ENOENT. */
export function systemCode(error: unknown): string | undefined {
  return isSystemError(error) ? error.code : undefined
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  if (!(error instanceof Error)) return false
  const { code, syscall } = error as NodeJS.ErrnoException
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) && typeof syscall === 'string'
}

/** Why a file could not be read or written, without the name of the system call. */
export function fileProblem(error: unknown): string {
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or directory',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EISDIR: 'it is a directory',
    ENOTDIR: 'not a directory',
  }
  return known[systemCode(error) ?? ''] ?? (error as Error).message
}
