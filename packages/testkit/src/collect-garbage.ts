import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Frees all of V8's heap that nothing refers to: at once, except what a `WeakRef` has led to in the present job. */
export const collectGarbage = runInNewContext('gc') as () => void
