# shellcheck shell=bash
# rpm.sh is the part of image.sh that makes nodes whose package manager is dnf or zypper: Debian's userland, real RPMs of a cluster's
# Debian packages in signed repositories, laid out as the family does (rpm/). Wants OFFER, ARCH, HERE and LOCAL_REPO.

# shellcheck source-path=SCRIPTDIR source=rpm-packages.sh
. "$HERE/rpm-packages.sh"

FAMILIES=(dnf zypper)
RPM_REPO=/var/cache/lab-rpm # on the nodes
# What turns .debs into repositories. Nodes keep it: a test may want a repository of its own.
RPM_TOOLS=(dnf zypper rpm createrepo-c gnupg)
# What most fence agents want. Those of clouds want 120 MB more, and have no cloud here.
FENCE_AGENTS=(python3-pexpect python3-pycurl python3-requests)
# In the rpm database of each node, as on each machine of the family.
PRESENT=(curl ca-certificates)
# The rest of what such a machine has is the userland's: packages without files stand for it.
declare -A USERLAND=(
    [dnf]="bash coreutils dnf glibc gnupg2 iproute openssh-clients openssh-server procps-ng python3 rocky-release rpm sudo systemd util-linux"
    [zypper]="bash coreutils glibc gpg2 iproute2 openSUSE-release openssh-clients openssh-server procps python3 rpm sudo systemd util-linux zypper"
)
declare -A RELEASE=([dnf]=9.6 [zypper]=15.6)

rpm() { # $1=where it is made, $2=the base image
    local family pids=() pid
    userland "$1" "$2/rootfs"
    for family in "${FAMILIES[@]}"; do
        family "$family" "$1" "$1/userland:$2/rootfs" &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    du -sh "$1" | sed 's/^/image: rpm: /' >&2
}

rpm-openstack() { # $1=where it is made, $2=the base image, $3=that of the controller; the families' layers fit this userland too
    userland "$1" "$3/controller:$2/rootfs"
}

mount_layers() { # $1=root, $2=layer, $3=the layers below it
    mkdir -p "$1" "$2" "$2.work"
    mount -t overlay overlay -o "lowerdir=$3,upperdir=$2,workdir=$2.work" "$1"
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp"
}

unmount_layers() { # $1=root, $2=layer
    umount -R "$1"
    rm -rf "$2.work"
}

# ---- the userland

userland() { # $1=where it is made, $2=the layers below: what a cluster's packages depend on, but not they
    local root=/run/lab-build/userland packages
    mount_layers "$root" "$1/userland" "$2"
    online "$root"
    mapfile -t packages < <(known "$root" "${OFFER[@]}" | grep -vx fence-agents)
    mapfile -t packages < <(in_root "$root" apt-get install -s -qq --no-install-recommends "${packages[@]}" "${FENCE_AGENTS[@]}" |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -vxE "python3?-apt.*|$(converted)")
    [ ${#packages[@]} -gt 0 ] || { say "apt-get told nothing that the RPMs depend on" && return 1; }
    say "userland of RPM nodes: ${RPM_TOOLS[*]}, and ${#packages[@]} that the RPMs depend on"
    # openssl is what ca-certificates needs; an RPM takes its place.
    install_on "$root" "${RPM_TOOLS[@]}" "${packages[@]}" ca-certificates
    offline "$root"
    rm -rf "$root/root/.gnupg"
    unmount_layers "$root" "$1/userland"
}

# ---- a family's RPMs, repositories and nodes

family() { # $1=dnf|zypper, $2=where it is made, $3=the layers below
    local root=/run/lab-build/$1 name
    mount_layers "$root" "$2/$1" "$3"
    cp -a "$HERE/rpm/$1/node/." "$root/"
    mkdir -p "$root/etc/sysconfig" "$root/tmp/tree"
    trees "$1" "$root"
    keys "$root"
    specification "$1" "$root" >"$root/tmp/lab.spec"
    build "$root" lab.spec
    umbrella "$1" "$root" >"$root/tmp/userland.spec"
    build "$root" userland.spec
    repositories "$1" "$root"
    "node_$1" "$root"
    in_root "$root" rpm --import "$RPM_REPO/keys/distribution.asc"
    # shellcheck disable=SC2016 # the inner shell's
    in_root "$root" sh -euc 'cd "$1" && shift
        for name in "$@"; do set -- "$@" "$name"-[0-9]*.rpm && shift; done
        rpm -i "$@"' _ "$RPM_REPO/$([ "$1" = dnf ] && echo baseos || echo oss)" lab-userland ${USERLAND[$1]} "${PRESENT[@]}"
    rm -rf "$root/root/.gnupg"
    unmount_layers "$root" "$2/$1"
}

# ---- keys and repositories

keys() { # $1=root: the distribution's key, and one that no node knows
    local name home
    mkdir -p "$1$RPM_REPO/keys"
    for name in distribution extra; do
        home=/tmp/gpg-$name
        mkdir -m 700 "$1$home"
        in_root "$1" gpg --homedir "$home" --batch --quiet --no-auto-check-trustdb --passphrase '' --quick-generate-key "lab $name <$name@lab.invalid>" rsa3072 sign never 2>/dev/null
        in_root "$1" gpg --homedir "$home" --batch --armor --export >"$1$RPM_REPO/keys/$name.asc"
        in_root "$1" gpg --homedir "$home" --batch --no-auto-check-trustdb --with-colons --list-keys 2>/dev/null | awk -F: '/^fpr/ { print $10; exit }' >"$1$RPM_REPO/keys/$name.fingerprint"
    done
}

repositories() { # $1=family, $2=root: each signed with its key, and so is the list of what it has
    local name repository folder key first=oss
    [ "$1" = zypper ] || first=baseos
    mkdir -p "$2$RPM_REPO/unsigned"
    mv "$2"/tmp/rpms/haproxy-99-*.rpm "$2$RPM_REPO/unsigned/"
    while read -r name repository _; do
        mkdir -p "$2$RPM_REPO/$repository"
        mv "$2/tmp/rpms/$name"-[0-9]*.rpm "$2$RPM_REPO/$repository/"
    done < <(rows "$1" && for name in lab-userland ${USERLAND[$1]}; do echo "$name $first"; done)
    for folder in "$2$RPM_REPO"/*; do
        repository=${folder##*/} key=distribution
        case $repository in
            keys) continue ;;
            unsigned) key= ;;
            extra) key=extra ;;
        esac
        # shellcheck disable=SC2016 # the inner shell's
        in_root "$2" sh -euc 'cd "$1"
            [ -z "$2" ] || rpmsign --addsign --define "_gpg_path /tmp/gpg-$2" --define "_gpg_name lab $2" ./*.rpm
            createrepo_c --quiet --no-database .
            [ -z "$2" ] || gpg --homedir "/tmp/gpg-$2" --batch --armor --detach-sign repodata/repomd.xml
            [ -z "$2" ] || cp "$3/keys/$2.asc" repodata/repomd.xml.key' _ "$RPM_REPO/$repository" "$key" "$RPM_REPO" >"$2/tmp/repository.log" 2>&1 ||
            { tail -n 20 "$2/tmp/repository.log" >&2 && return 1; }
    done
    for key in distribution extra; do in_root "$2" gpgconf --homedir "/tmp/gpg-$key" --kill all; done
}

# ---- nodes

node_dnf() { # $1=root
    debians_away "$1"
    rm -rf "$1"/usr/bin/zypper* "$1/etc/zypp" "$1/usr/sbin/update-ca-certificates"
    ln -s dnf "$1/usr/bin/yum"
    mkdir -p "$1/etc/pki/rpm-gpg" "$1/etc/pki/tls/certs"
    cp "$1$RPM_REPO/keys/distribution.asc" "$1/etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-9"
    ln -s ../pki/tls/certs "$1/etc/ssl/certs"
    ln -s ../../ca-trust/extracted/pem/tls-ca-bundle.pem "$1/etc/pki/tls/certs/ca-bundle.crt"
    ln -s ca-bundle.crt "$1/etc/pki/tls/certs/ca-certificates.crt" # where Debian's python and curl look
    ln -sf /etc/pki/tls/certs/ca-bundle.crt "$1/usr/lib/ssl/cert.pem"
}

node_zypper() { # $1=root
    debians_away "$1"
    rm -rf "$1"/usr/bin/dnf* "$1/etc/dnf" "$1"/etc/yum*
    mkdir -p "$1/usr/lib/rpm/gnupg/keys" "$1/var/lib/ca-certificates/pem" "$1/usr/lib/sysimage"
    cp "$1$RPM_REPO/keys/distribution.asc" "$1/usr/lib/rpm/gnupg/keys/lab.asc"
    ln -s Leap.prod "$1/etc/products.d/baseproduct"
    ln -s ../../var/lib/ca-certificates/pem "$1/etc/ssl/certs"
    ln -s ../../var/lib/ca-certificates/ca-bundle.pem "$1/etc/ssl/ca-bundle.pem"
    ln -s ../ca-bundle.pem "$1/var/lib/ca-certificates/pem/ca-certificates.crt" # where Debian's python and curl look
    ln -sf /var/lib/ca-certificates/ca-bundle.pem "$1/usr/lib/ssl/cert.pem"
    mkdir -p "$1/var/lib/rpm"
    mv "$1/var/lib/rpm" "$1/usr/lib/sysimage/rpm"
    ln -s ../../usr/lib/sysimage/rpm "$1/var/lib/rpm"
}

debians_away() { # $1=root: who calls them is found out
    local root=$1 tree
    mkdir -p "$root/usr/lib/lab-apt"
    mv "$root"/usr/bin/apt* "$root"/usr/bin/dpkg* "$root"/usr/sbin/dpkg* "$root/usr/lib/lab-apt/"
    mv "$root/usr/lib/apt" "$root/usr/lib/lab-apt/lib"
    rm -f "$root"/etc/systemd/system/timers.target.wants/dpkg-* "$root"/usr/lib/systemd/system/dpkg-*
    rm -rf "$root/etc/apt" "$root/etc/dpkg" "$root/etc/debian_version" "$root$LOCAL_REPO" "$root/etc/systemd/system/chrony.service.d" \
        "$root/etc/ssl/certs" "$root"/etc/ca-certificates* "$root/usr/share/ca-certificates" "$root/usr/local/share/ca-certificates"
    # openssl, which the userland's packages wanted: programs come with RPMs.
    for tree in "$root"/tmp/tree/*; do
        find "$tree" -type f \( -path '*/usr/bin/*' -o -path '*/usr/sbin/*' \) -printf "$root/%P\\0" | xargs -0r rm -f
    done
}
