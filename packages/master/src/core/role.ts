import { IcfError, type Role } from '@icf/common'

/** Whether a process of this role has anything to do with a master. @throws IcfError WRONG_ROLE */
export function checkRole(role: Role): void {
  switch (role) {
    case 'client':
    case 'admin':
    case 'cache-server':
      return
    case 'master':
    case 'probe':
      throw new IcfError('WRONG_ROLE', `a master does not accept the role "${role}"`)
    default:
      return role satisfies never
  }
}
