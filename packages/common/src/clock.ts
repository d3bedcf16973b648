/** Monotonic time in milliseconds (fractions allowed). Only differences mean anything. */
export interface Clock {
  now(): number
}
