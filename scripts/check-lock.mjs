// Checks package-lock.json: `npm ci` must work on every platform and behind any mirror.
//
// A registry that lacks a platform's build of some tool makes npm leave that build out of the lock file without
// a word, and the next `npm ci` refuses it. Then pin a version of the tool (or override it) that is complete.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './prepare.mjs'

/** What is wrong with the lock file, one line each. */
export function lockProblems() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(packages).flatMap(([path, entry]) => [
    ...(entry.resolved && !entry.link ? [`${path} names a registry`] : []),
    ...Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !isLocked(packages, path, name))
      .map((name) => `${path} lacks its optional ${name}`),
  ])
}

function isLocked(packages, path, name) {
  return [`${path}/node_modules/${name}`, `node_modules/${name}`].some((place) => packages[place]?.version)
}
