/** The build of msgpackr that never compiles code from what it reads. It ships without types of its own. */
declare module 'msgpackr/index-no-eval' {
  const msgpackr: typeof import('msgpackr')
  export default msgpackr
}
