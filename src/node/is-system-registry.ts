import { isRegistry, isRepositoryPath } from '../oci/reference.ts'

/** True for `host[:port][/path]`, which `--system-default-registry` puts before the path of an image. */
export function isSystemRegistry(text: string): boolean {
  const [host = '', ...path] = text.split('/')
  return isRegistry(host) && (path.length === 0 || isRepositoryPath(path.join('/')))
}
