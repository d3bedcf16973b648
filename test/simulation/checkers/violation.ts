/** An invariant of the design does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation'
}
