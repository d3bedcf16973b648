// Imports run one way: main → shell → core → common. Checked on the compiled files (types are gone there; the
// project references and a lint rule cover those).
const TESTS = '\\.test(\\.kit)?\\.js$'
const TESTKIT = '^packages/testkit/'
const IO =
  '^(node:)?(net|fs|fs/promises|http|https|http2|tls|dgram|dns|timers|timers/promises|child_process|worker_threads|cluster)$'
const WS = '(^|/)node_modules/ws/'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      from: { pathNot: '(^|/)(test|bench)/dist/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-tests-in-production',
      severity: 'error',
      from: { path: '^packages/', pathNot: TESTS },
      to: { path: `${TESTS}|^(test|bench)/` },
    },
    {
      name: 'no-testkit-in-production',
      severity: 'error',
      from: { path: '^packages/', pathNot: [TESTS, TESTKIT] },
      to: { path: TESTKIT },
    },
    {
      name: 'testkit-imports-only-common',
      severity: 'error',
      from: { path: TESTKIT },
      to: { path: '^packages/(?!(common|testkit)/)' },
    },
    {
      name: 'core-not-to-shell-or-main',
      severity: 'error',
      from: { path: '^packages/[^/]+/dist/(core|commands|resp)/', pathNot: TESTS },
      to: { path: '^packages/[^/]+/dist/(shell/|main\\.js$)' },
    },
    {
      name: 'core-is-deterministic',
      comment:
        'No sockets, files, timers, clocks or random numbers: events come in, effects go out as data. zlib has a checksum.',
      severity: 'error',
      from: { path: '^packages/[^/]+/dist/core/', pathNot: TESTS },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(assert|assert/strict|buffer|util|zlib)$' },
    },
    {
      name: 'core-without-ws',
      severity: 'error',
      from: { path: '^packages/[^/]+/dist/core/', pathNot: TESTS },
      to: { path: `${WS}|^packages/common/dist/node/` },
    },
    {
      name: 'shell-not-to-main',
      severity: 'error',
      from: { path: '^packages/[^/]+/dist/shell/', pathNot: TESTS },
      to: { path: '^packages/[^/]+/dist/main\\.js$' },
    },
    {
      name: 'common-without-io',
      comment: 'Real I/O of the common package lives in common/src/node.',
      severity: 'error',
      from: { path: '^packages/common/dist/', pathNot: ['^packages/common/dist/node/', TESTS] },
      to: { path: [IO, WS, '^packages/common/dist/node/'] },
    },
    {
      name: 'common-imports-no-other-package',
      severity: 'error',
      from: { path: '^packages/common/' },
      to: { path: '^packages/(?!common/)', pathNot: TESTKIT },
    },
    {
      name: 'servers-never-import-each-other',
      severity: 'error',
      from: { path: '^packages/(master|cache-server)/' },
      to: { path: '^packages/', pathNot: ['^packages/common/', '^packages/$1/', TESTKIT] },
    },
    {
      name: 'client-imports-only-common',
      severity: 'error',
      from: { path: '^packages/client/' },
      to: { path: '^packages/(?!(common|client)/)', pathNot: TESTKIT },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    combinedDependencies: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
