import type { ErrorReport } from './errors.js'

/** What a process tells its supervisor: `icf up`, or the `icf cache` of several processes. */
export type ChildMessage =
  | { readonly type: 'listening'; readonly id: string }
  /** A cache server that was declared dead rejoins as a new member. */
  | { readonly type: 'id'; readonly id: string }
  | { readonly type: 'failed'; readonly error: ErrorReport }

/** What a process does when its supervisor lets it go, or is gone, whatever ended it: in no case does it stay behind. */
export type WhenLetGo = 'end' | 'hand over'

/** Set for the processes of a supervisor, to what they do when it lets them go. */
const SUPERVISED = 'ICF_SUPERVISED'

export function supervisedEnvironment(env: NodeJS.ProcessEnv, whenLetGo: WhenLetGo): NodeJS.ProcessEnv {
  // What ICF_… says to a supervisor, it passes on as options; some names mean another thing to its processes.
  const inherited = Object.entries(env).filter(([name]) => !name.startsWith('ICF_'))
  return { ...Object.fromEntries(inherited), [SUPERVISED]: whenLetGo }
}

/** The link of a process to the supervisor that started it; every call does nothing where there is none. */
export const supervisor = {
  get isThere(): boolean {
    return process.env[SUPERVISED] !== undefined && process.send !== undefined
  },

  /** Ends this process at once when it is let go, if it is one that then ends. */
  endWhenLetGo(): void {
    onLetGo('end', () => process.exit(0))
  },

  /** Calls `handOver` when this process is let go, if it is one that then hands over; at once when it has been. */
  handOverWhenLetGo(handOver: () => void): void {
    onLetGo('hand over', handOver)
  },

  tell(message: ChildMessage): Promise<void> {
    if (!this.isThere || !process.connected) return Promise.resolve()
    // When it can not be told any more, 'disconnect' follows.
    return new Promise((resolve) => process.send!(message, undefined, undefined, () => resolve()))
  },
}

function onLetGo(whenLetGo: WhenLetGo, act: () => void): void {
  if (!supervisor.isThere || process.env[SUPERVISED] !== whenLetGo) return
  process.on('disconnect', act)
  if (!process.connected) act()
}
