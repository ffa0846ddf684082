/** How many ignored paths are told at most. */
const MAX_IGNORED = 40;

/** The exit code by which {@link snapshotScript} says that it has listed what is in git's way. */
export const IN_THE_WAY = 42;

/**
 * Takes the tree: adds everything to an index of ours and packs what is new. Listed first, each as a letter, a blank, a path and a NUL:
 * nested repositories (`d`, `f`), which would be stored as a bare link, their content lost; pipes that git would wait on for ever when it
 * reads its rules (`p`); and what may not be read (`u`). The first two are covered by empty mounts in a second run: devices, which
 * git passes over once its index has forgotten them. Ignored files that the include list names make a tree of their own.
 */
export const snapshotScript = `set -e
mkdir -p /tmp/objects; rm -f "$GIT_INDEX_FILE.lock"
if [ -z "$MASKED" ]; then
  find . \\( -path ./.git -o -name node_modules \\) -prune \\
    -o -type d \\( ! -readable -o ! -executable \\) -prune -printf 'u %P\\0' \\
    -o -name .git \\( -type d -o -type f \\) -prune -printf '%y %P\\0' \\
    -o -type p \\( -name .gitignore -o -name .gitattributes \\) -printf 'p %P\\0' \\
    -o -type f ! -readable -printf 'u %P\\0' > /tmp/odd
  if [ -s /tmp/odd ]; then cat /tmp/odd; exit ${IN_THE_WAY}; fi
fi
[ -e "$GIT_INDEX_FILE" ] || git read-tree "$KNOWN"
find . -path ./.git -prune -o -type c,p \\( -name .gitignore -o -name .gitattributes \\) -printf '%P\\0' |
  git update-index --force-remove -z --stdin
git add -A -- . >&2
tree=$(git write-tree); kept=
if [ -n "$INCLUDE" ]; then
  mapfile -t include <<< "$INCLUDE"
  git ls-files -o -i --exclude-standard -z -- "\${include[@]/#/:(glob)}" > /tmp/kept
  if [ -s /tmp/kept ]; then
    export KEPT_INDEX=/tmp/kept.index
    GIT_INDEX_FILE=$KEPT_INDEX git update-index --add -z --stdin < /tmp/kept; kept=$(GIT_INDEX_FILE=$KEPT_INDEX git write-tree)
  fi
fi
git ls-files -o -i --exclude-standard --directory --no-empty-directory -z -x .git > /tmp/ignored
printf '%s\\n%s\\n%s\\n' "$tree" "$kept" "$(head -zn ${MAX_IGNORED} /tmp/ignored | base64 -w0)"
if [ "$tree $kept" = "$KNOWN $KNOWN_KEPT" ]; then exit 0; fi
for object in "$tree" "$kept" "^$KNOWN" "^$KNOWN_KEPT"; do case $object in '' | ^) ;; *) echo "$object" ;; esac; done |
  git pack-objects --revs --stdout --thin -q
`;

/** Gives the owner back what a command took from itself: git keeps no such modes, and cannot work against them. */
export const reopenScript = `find . -path ./.git -prune \\
  -o -type d ! \\( -readable -a -writable -a -executable \\) -exec chmod u+rwx {} \\; -o -type f ! -readable -exec chmod u+r {} +
`;

/**
 * Makes the directory equal a tree; ignored files stay. The agent gets a throw-away repository of its own, which borrows our objects;
 * it is made aside, so that a kill leaves none or a whole one. At the base its index is ours: what the files look like is known.
 */
export const restoreScript = `set -e
mkdir -p /tmp/objects; rm -f "$GIT_INDEX_FILE" "$GIT_INDEX_FILE.lock"
${reopenScript}
find . -path ./.git -prune -o -type p \\( -name .gitignore -o -name .gitattributes \\) -exec rm -f {} +
git read-tree "$TREE"; git checkout-index -a -f -u -q; git clean -ffdq
if [ -n "$KEPT" ]; then (export GIT_INDEX_FILE=/tmp/kept.index; git read-tree "$KEPT"; git checkout-index -a -f -q); fi
[ "$OWN" = 1 ] || exit 0
[ -e .git ] && exit 0
objects=$GIT_ALTERNATE_OBJECT_DIRECTORIES; shallow=$GIT_DIR/shallow; index=$GIT_INDEX_FILE
[ "$(git rev-parse "$BASE^{tree}")" = "$TREE" ] || index=
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
aside=.holdfast-git; rm -rf $aside; git init -q --template= --initial-branch=work $aside
export GIT_DIR=$PWD/$aside/.git GIT_WORK_TREE=$PWD
mkdir -p "$GIT_DIR/info"; printf '%s\\n' "$objects" > "$GIT_DIR/objects/info/alternates"
[ ! -e "$shallow" ] || cp "$shallow" "$GIT_DIR/shallow"
git config user.name agent; git config user.email agent@localhost
git update-ref HEAD "$BASE"
if [ -n "$index" ]; then cp "$index" "$GIT_DIR/index"; else git read-tree HEAD; git update-index -q --refresh || true; fi
mv "$GIT_DIR" .git; rmdir $aside
`;
