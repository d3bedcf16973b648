import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, formatCount, formatDuration, parseBytes, parseDuration, plural } from './units.js'

test('durations are read in every unit', () => {
  const cases: [string, number][] = [
    ['500ms', 500],
    ['60s', 60_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    ['1.5s', 1500],
    ['10 s', 10_000],
    ['1H', 3_600_000],
    ['0s', 0],
  ]
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text)
})

test('what is no duration is refused', () => {
  for (const text of [
    '',
    '60',
    's',
    '-1s',
    '1 hour',
    '1s2',
    '1e3s',
    '١s',
    '99999999999999d',
    'NaNs',
    '1..5s',
  ])
    assert.equal(parseDuration(text), undefined, text)
})

test('sizes are 1024-based', () => {
  const cases: [string, number][] = [
    ['100b', 100],
    ['64kb', 65_536],
    ['256mb', 268_435_456],
    ['1gb', 1_073_741_824],
    ['1.5GB', 1_610_612_736],
    ['2tb', 2 * 1024 ** 4],
    ['1g', 1024 ** 3],
    ['512M', 512 * 1024 ** 2],
    ['1GiB', 1024 ** 3],
    ['1.5 kib', 1536],
  ]
  for (const [text, bytes] of cases) assert.equal(parseBytes(text), bytes, text)
})

test('what is no size is refused', () => {
  for (const text of ['', '256', 'mb', '-1mb', '1ib', '1bi', '1bb', '1 giga', '0x10kb', '9999999999tb'])
    assert.equal(parseBytes(text), undefined, text)
})

test('durations are written with two figures that matter', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [849.6, '850 ms'],
    [12_340, '12.3 s'],
    [59_960, '1 m'],
    [250_000, '4 m 10 s'],
    [7_500_000, '2 h 5 m'],
    [273_600_000, '3 d 4 h'],
  ]
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text)
})

test('sizes and counts are written for people', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [1000, '1000 B'],
    [1024, '1 KB'],
    [1536, '1.5 KB'],
    [102_350, '100 KB'],
    [268_435_456, '256 MB'],
    [1_048_570, '1.0 MB'],
    [5 * 1024 ** 5, '5120 TB'],
  ]
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text)
  assert.equal(formatCount(16_384), '16,384')
  assert.equal(formatCount(1_234_567.4), '1,234,567')
  assert.equal(formatCount(12), '12')
  assert.equal(plural(1, 'file'), '1 file')
  assert.equal(plural(2000, 'copy', 'copies'), '2,000 copies')
})
