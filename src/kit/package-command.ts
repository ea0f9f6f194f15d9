/** The command that installs an RPM of k3s-selinux on the system that it is for: SUSE has zypper, CoreOS rpm-ostree. */
export function packageCommand(path: string): string {
  if (path.endsWith('.sle.noarch.rpm')) return `zypper install ./${path}`
  return path.endsWith('.coreos.noarch.rpm') ? `rpm-ostree install ./${path}` : `dnf install -y ./${path}`
}
