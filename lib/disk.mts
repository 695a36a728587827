/** Full disks: after a failure the node is asked whether one is, since many programs do not say so. */

/**
 * Shell function `full`: a line for each disk of the node that has no room left, or no inodes. dash says only "I/O error" of a
 * disk that is full, and many a tool nothing. What cannot be written at all is left out, as is what is not a disk; a network
 * file system that does not answer is not waited for.
 */
export const FULL = `
full() {
  fixed=$(awk '$4 ~ /^ro(,|$)/ || $2 ~ /^\\/(sys|proc)\\// { print $2 }' /proc/mounts 2>/dev/null)
  { timeout 5 df -P -k; echo inodes; timeout 5 df -P -i; } 2>/dev/null | awk -v fixed="$fixed" '
    BEGIN { count = split(fixed, list, "\\n"); for (i = 1; i <= count; i++) skip[list[i]] = 1 }
    $1 == "inodes" { inodes = 1; next }
    $2 !~ /^[0-9]+$/ || $2 == 0 || $6 in skip || seen[inodes $1 $2 $4]++ { next }
    # A program that has failed may have given back what it had written: almost full is full.
    !inodes && ($4 < 1024 || ($4 < 102400 && $4 * 100 < $2)) {
      printf "%s has no space left: %d of %d MB are free\\n", $6, $4 / 1024, $2 / 1024 }
    inodes && $4 < 16 { printf "%s has no inodes left: %d of %d are free, it holds too many files\\n", $6, $4, $2 }'
}`.trim()

/** What was said while a disk was full, with what `full` then found: elsewhere a full disk is no reason. */
export const FULL_REMEDY = [
  /(?:No space left|I\/O error|write error|enough free space|quota exceeded)[\s\S]*^(\S+) has no (?:space|inodes) left: /im,
  'make room in $1 on that node, then go on; what fills it: du -xh $1 | sort -h | tail',
] as const
