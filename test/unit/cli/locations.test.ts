import { expect, it } from 'vitest'
import { defaultLocations } from '../../../src/cli/locations.ts'

it('uses the XDG directories on Linux', () => {
  expect(defaultLocations({ platform: 'linux', home: '/home/me', env: {} })).toEqual({
    repository: '/home/me/.local/share/snap/repository',
    keyFile: '/home/me/.config/snap/keys/default.key',
    configFiles: ['/home/me/.config/snap/snap.yaml', '/etc/snap/snap.yaml'],
    state: '/home/me/.local/state/snap',
    cache: '/home/me/.cache/snap',
  })
  const env = { XDG_DATA_HOME: '/d', XDG_CONFIG_HOME: 'relative', XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' }
  expect(defaultLocations({ platform: 'linux', home: '/h', env })).toEqual({
    repository: '/d/snap/repository',
    keyFile: '/h/.config/snap/keys/default.key',
    configFiles: ['/h/.config/snap/snap.yaml', '/etc/snap/snap.yaml'],
    state: '/s/snap',
    cache: '/c/snap',
  })
})

it('uses the places of macOS and Windows there', () => {
  expect(defaultLocations({ platform: 'darwin', home: '/Users/me', env: {} })).toEqual({
    repository: '/Users/me/Library/Application Support/snap/repository',
    keyFile: '/Users/me/Library/Application Support/snap/keys/default.key',
    configFiles: ['/Users/me/Library/Application Support/snap/snap.yaml', '/etc/snap/snap.yaml'],
    state: '/Users/me/Library/Application Support/snap/state',
    cache: '/Users/me/Library/Caches/snap',
  })
  const env = { LOCALAPPDATA: 'C:\\L', APPDATA: 'C:\\R' }
  expect(defaultLocations({ platform: 'win32', home: 'C:\\Users\\me', env })).toEqual({
    repository: 'C:\\L\\snap\\repository',
    keyFile: 'C:\\R\\snap\\keys\\default.key',
    configFiles: ['C:\\R\\snap\\snap.yaml'],
    state: 'C:\\L\\snap\\state',
    cache: 'C:\\L\\snap\\cache',
  })
})
