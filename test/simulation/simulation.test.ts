import { describe, it } from 'node:test'
import { simulate } from './simulation.js'

describe('simulated clusters keep what they promise', () => {
  for (let seed = 1; seed <= 3; seed++) it(`seed ${seed}`, async () => void (await simulate(seed)))
})
