# shellcheck shell=bash
# rpm-packages.sh is the part of rpm.sh that makes RPMs of Debian packages, by what rpm/ says of a family. Wants HERE, LOCAL_REPO, USERLAND
# and RELEASE.

# ---- the table

rows() { # $1=dnf|zypper: RPM, repository, user, what it needs, Debian packages
    awk -v repository="$([ "$1" = dnf ] && echo 2 || echo 3)" '!/^(#|$)/ && $repository != "-" {
        printf "%s %s %s %s", $1, $repository, $4, $5; for (i = 6; i <= NF; i++) printf " %s", $i; print "" }' "$HERE/rpm/packages"
}

converted() { # the Debian packages that become RPMs, as one regular expression
    awk '!/^(#|$)/ { for (i = 6; i <= NF; i++) if ($i != "-") print $i }' "$HERE/rpm/packages" | sort -u |
        grep -vxE 'ca-certificates|openssl|curl' | sed 's/[*]/.*/g' | paste -sd'|'
}

# ---- what is in them

trees() { # $1=family, $2=root: what is in each RPM, in /tmp/tree of the root
    local family=$1 root=$2 name repository user needs debs deb pattern path tree
    while read -r name repository user needs debs; do
        tree=$root/tmp/tree/$name
        mkdir -p "$tree"
        for pattern in $debs; do
            for deb in "$root$LOCAL_REPO"/${pattern}_*.deb; do
                [ ! -e "$deb" ] || { dpkg-deb -x "$deb" "$tree" && dpkg-deb -f "$deb" Version >"$root/tmp/version.$name"; }
            done
        done
        [ "$debs" = - ] || [ -e "$root/tmp/version.$name" ] || { say "no Debian package for the RPM $name: $debs" && return 1; }
        laid_out "$family" "$name" "$tree"
        # The families' RPMs bring python's compiled files; else they would come at run time, and stay.
        for path in usr/lib/python3 usr/share/fence; do
            [ ! -d "$tree/$path" ] || in_root "$root" python3 -m compileall -q -s "/tmp/tree/$name" "/tmp/tree/$name/$path"
        done
    done < <(rows "$1")
}

laid_out() { # $1=family, $2=RPM, $3=its tree: as the family has it
    local tree=$3 folder flavour name path pattern find=()
    for folder in bin sbin lib lib64; do # Debian 12's packages have these beside /usr, and RPMs under it
        [ ! -d "$tree/$folder" ] || { mkdir -p "$tree/usr" && cp -al "$tree/$folder" "$tree/usr/" && rm -rf "${tree:?}/$folder"; }
    done
    case $2 in
        ca-certificates)
            folder=$tree/usr/share/pki/$([ "$1" = dnf ] && echo ca-trust-source || echo trust)
            mkdir -p "$folder"
            cat "$tree"/usr/share/ca-certificates/mozilla/*.crt >"$folder/mozilla.pem"
            ;;
        chrony) install -m 640 "$tree/usr/share/chrony/chrony.keys" "$tree/etc/chrony.keys" ;;
        corosync) mv "$tree/etc/corosync/corosync.conf" "$tree/etc/corosync/corosync.conf.example" ;;
        firewalld) # Debian makes this link by update-alternatives(1)
            ln -s org.fedoraproject.FirewallD1.server.policy.choice "$tree/usr/share/polkit-1/actions/org.fedoraproject.FirewallD1.policy"
            ;;
        haproxy)
            mkdir -p "$tree/usr/share/haproxy"
            mv "$tree"/etc/haproxy/errors/* "$tree/usr/share/haproxy/"
            rm -rf "$tree/etc/haproxy/errors" "$tree/usr/lib/tmpfiles.d" "$tree/var/lib/haproxy/dev"
            ;;
        nftables) [ "$1" != dnf ] || rm "$tree/etc/nftables.conf" ;;
    esac
    while read -r pattern; do find+=(-o -path "$pattern"); done < <(grep -v '^#' "$HERE/rpm/dropped")
    find "$tree" -mindepth 1 \( -false "${find[@]}" \) -prune -exec rm -rf {} +
    [ ! -d "$tree/etc/default" ] || mv "$tree/etc/default" "$tree/etc/sysconfig"
    find "$tree" -path '*/systemd/system/*' -type f -exec sed -i 's,/etc/default/,/etc/sysconfig/,' {} +
    [ ! -d "$tree/etc" ] || find "$tree/etc" -type d -empty -delete
    [ ! -d "$HERE/rpm/$1/files/$2" ] || cp -a "$HERE/rpm/$1/files/$2/." "$tree/"
    while read -r flavour name path _; do
        case $flavour:$name:$path in
            "*:$2:"*/ | "$1:$2:"*/) mkdir -p "$tree$path" ;;
        esac
    done < <(grep -v '^#' "$HERE/rpm/owners")
}

# ---- specifications

specification() { # $1=family, $2=root: of all RPMs at once, so that one rpmbuild makes them
    local name repository user needs debs version release
    preamble lab-rpms
    printf '%%install\nmkdir -p %%{buildroot}\ncp -al /tmp/tree/*/. %%{buildroot}/\n'
    while read -r name repository user needs debs; do
        version=1 release=1
        if [ -e "$2/tmp/version.$name" ]; then
            version=$(sed 's/^[0-9]*://' "$2/tmp/version.$name")
            [[ $version != *-* ]] || release=${version##*-} version=${version%-*}
        fi
        printf '%%package -n %s\nVersion: %s\nRelease: %s\nSummary: %s\n' "$name" "${version//-/.}" "$release" "The lab's $name, of Debian's: $debs"
        [ "$needs" = - ] || printf 'Requires: %s\n' "${needs//,/, }"
        printf '%%description -n %s\nMade for quorate'"'"'s lab.\n' "$name"
        scriptlets "$name" "$2/tmp/tree/$name" "$user"
        files "$1" "$name" "$2"
    done < <(rows "$1")
}

preamble() { # $1=name, $2=what it provides: no documentation is compressed, nothing stripped, nothing checked: Debian has done it
    cat <<SPEC
%global debug_package %{nil}
%global __os_install_post %{nil}
%global _build_id_links none
%global _binary_payload w1.gzdio
%global __check_files %{nil}
Name: $1
Version: 1
Release: 1
Summary: $1
License: of the Debian packages
${2-}
%description
Made for quorate's lab.
SPEC
}

scriptlets() { # $1=RPM, $2=its tree, $3=user[:group]:home: what an RPM of the families does, and no more: it starts no daemon
    local user group home units files
    IFS=: read -r user group home <<<"$3"
    if [ "$user" != - ]; then
        cat <<SPEC
%pre -n $1
getent group $group >/dev/null || groupadd -r $group
getent passwd $user >/dev/null || useradd -r -M -g $group -d $home -s /sbin/nologin -c $user $user
SPEC
    fi
    units=$(find "$2" -path '*/usr/lib/systemd/system/*.service' ! -name '*@.service' -printf '%f ')
    files=$(find "$2" -path '*/usr/lib/tmpfiles.d/*.conf' -printf '%f ')
    if [ -n "$units$files" ] || [ "$1" = ca-certificates ]; then
        echo "%post -n $1"
        [ -z "$files" ] || echo "systemd-tmpfiles --create $files || :"
        [ -z "$units" ] || printf '%s\n' "[ ! -d /run/systemd/system ] || systemctl daemon-reload || :" \
            "[ \$1 != 1 ] || systemctl --quiet --no-reload preset $units || :"
        [ "$1" != ca-certificates ] || echo "if command -v update-ca-trust >/dev/null; then update-ca-trust; else update-ca-certificates; fi"
    fi
    if [ -n "$units" ]; then
        printf '%%preun -n %s\n' "$1"
        echo "[ \$1 != 0 ] || systemctl --quiet --no-reload disable --now $units || :"
        printf '%%postun -n %s\n[ ! -d /run/systemd/system ] || systemctl daemon-reload || :\n' "$1"
    fi
}

files() { # $1=family, $2=RPM, $3=root: settings are kept, folders that the userland has belong to it
    local list=$3/tmp/files.$2 owner kind flavour name path mode user group
    declare -A owners=()
    while read -r flavour name path mode user group; do
        case $flavour:$name in "*:$2" | "$1:$2") owners[${path%/}]="%attr($mode, $user, $group)" ;; esac
    done < <(grep -v '^#' "$HERE/rpm/owners")
    (cd "$3/tmp/tree/$2" && find . -mindepth 1 -printf '%y /%P\n') | while read -r kind path; do
        owner=${owners[$path]-}
        case $kind:$path in
            d:*) [ -d "$3$path" ] || echo "%dir $owner \"$path\"" ;;
            f:/etc/*) echo "%config(noreplace) $owner \"$path\"" ;;
            *) echo "$owner \"$path\"" ;;
        esac
    done >"$list"
    printf '%%files -n %s' "$2"
    [ ! -s "$list" ] || printf ' -f /tmp/files.%s' "$2"
    printf '\n'
}

# What the RPMs want and none of them has is the userland's.
umbrella() { # $1=family, $2=root
    local missing name
    in_root "$2" sh -euc 'cd /tmp/rpms; rpm -qp --nosignature --provides ./*.rpm | cut -d" " -f1 | sort -u >/tmp/provided
        rpm -qp --nosignature --requires ./*.rpm | grep -v "^rpmlib(" | sort -u >/tmp/required'
    missing=$(awk 'NR == FNR { has[$1]; next } !($1 in has)' "$2/tmp/provided" "$2/tmp/required")
    ! grep -xE '[a-z0-9-]+' <<<"$missing" >&2 || { say "no such RPM; rpm/packages names it" && return 1; }
    preamble lab-userland "$(sed 's/ [<>]*= */ = /; s/^/Provides: /' <<<"$missing" | sort -u)"
    echo '%files'
    for name in ${USERLAND[$1]}; do
        printf '%%package -n %s\nVersion: %s\nSummary: In place of %s\n' "$name" "$([[ $name = *-release ]] && echo "${RELEASE[$1]}" || echo 1)" "$name"
        # Where dnf has $releasever from (dnf.conf(5)).
        [[ $name != *-release ]] || printf 'Provides: system-release = %s\nProvides: system-release(releasever) = %s\n' \
            "${RELEASE[$1]}" "$([ "$1" = dnf ] && echo 9 || echo "${RELEASE[$1]}")"
        printf '%%description -n %s\nThe userland of this node is Debian'"'"'s.\n%%files -n %s\n' "$name" "$name"
    done
    # A newer one than the distribution's, which nobody has signed.
    printf '%%package -n haproxy\nVersion: 99\nSummary: Newer, and not signed\n%%description -n haproxy\nNobody should install this.\n%%files -n haproxy\n'
}

build() { # $1=root, $2=specification in /tmp: its RPMs, in /tmp/rpms. %% as rpmbuild fills in the names of the RPMs later
    in_root "$1" rpmbuild -bb --quiet --define '_topdir /tmp/build' --define '_rpmdir /tmp/rpms' \
        --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' "/tmp/$2" >"$1/tmp/build.log" 2>&1 </dev/null ||
        { tail -n 20 "$1/tmp/build.log" >&2 && return 1; }
}
