/** Monotonic time in milliseconds (fractions allowed). Only differences mean anything: how long it took, sleep of the machine included. */
export interface Clock {
  now(): number
}
