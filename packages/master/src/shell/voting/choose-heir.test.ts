import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterStatus } from '@icf/common'
import { chooseHeir } from './choose-heir.js'

const master = (id: string, port: number, rest: Partial<MasterStatus> = {}): MasterStatus => ({
  ...{
    id: id.repeat(40),
    host: '127.0.0.1',
    port,
    httpPort: null,
    role: 'standby',
    alive: true,
    isVoter: true,
  },
  ...rest,
})
const active = master('a', 7000, { role: 'active' })
const gone = master('b', 7001, { alive: false })
const voteless = master('c', 7002, { isVoter: false })
const [heir, other] = [master('d', 7003), master('e', 7004)]

test('the first standby that is connected and has a vote is the heir, or the one that was named', () => {
  const masters = [active, gone, voteless, heir, other]
  assert.equal(chooseHeir(masters, undefined), heir)
  for (const to of ['e', other.id, '127.0.0.1:7004']) assert.equal(chooseHeir(masters, to), other)
})

test('whoever can not be it is refused, with the reason', () => {
  const refusals: [MasterStatus[], string | undefined, string, RegExp][] = [
    [[active], undefined, 'UNREACHABLE', /^no standby is there/],
    [[active, gone], undefined, 'UNREACHABLE', /^no standby is there/],
    [[active, gone, voteless], undefined, 'INVALID_ARGUMENT', /^master 127.0.0.1:7002 has no vote yet/],
    [[active, heir], 'a', 'INVALID_ARGUMENT', /^master 127.0.0.1:7000 is active already/],
    [[active, gone, heir], 'b', 'UNREACHABLE', /^master 127.0.0.1:7001 is not connected/],
    [[active, heir], 'f', 'UNKNOWN_SERVER', /^no master fits "f"; there are: aaaaaaaa .*, dddddddd /],
  ]
  for (const [masters, to, code, message] of refusals)
    assert.throws(() => chooseHeir(masters, to), { code, message })
})
