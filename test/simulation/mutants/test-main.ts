import { findMutant } from './list.js'
import { addressOf } from './mutant.js'
import { plant } from './plant.js'

/** `node test-main.js NAME`: the test that is to catch this mutant, with the bug in what it loads. */
const mutant = findMutant(process.argv[2]!)
plant(mutant)
await import(addressOf(mutant.test!).href)
