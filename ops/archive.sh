# Finds the Debian archive that this machine is configured for. Sourced by bash scripts; defines functions only.

# Prints the URI of the configured Debian archive (the one that carries the machine's own release), without a slash
# at the end. DESKPOD_MIRROR overrides it. Fails if there is none.
archive_uri() {
  if [[ -n ${DESKPOD_MIRROR:-} ]]; then
    printf '%s\n' "${DESKPOD_MIRROR%/}"
    return
  fi
  local codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  # apt's own parser reads every form of sources file; no list needs to have been fetched for it
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v codename="$codename" '
      ($2 == codename || $2 == "stable") && $3 == "main" && $1 ~ /^(https?|file|copy):/ && $1 !~ /-security\/?$/ {
        sub(/\/$/, "", $1); print $1; found = 1; exit
      }
      END { exit !found }'
}
