import { register } from 'node:module'
import { addressOf, type Mutant } from './mutant.js'

/**
 * Modules that this process loads from now on have the bug in them; nothing on the disk changes.
 * `register`, since Node 20 does not have its successor `registerHooks`.
 */
export function plant(mutant: Mutant): void {
  register('./hook.js', import.meta.url, { data: { mutant, url: addressOf(mutant.file).href } })
}
