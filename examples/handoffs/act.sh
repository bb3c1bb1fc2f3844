#!/bin/sh
# The whole pipeline of workflow.yml, acted out on this machine with the real command line: sh act.sh [FOLDER]
# Jobs and people are played one after the other; each step says which exit code it expects.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
stage=${1:-$(mktemp -d)}
mkdir -p "$stage"
cp "$here/team.yaml" "$here/train.py" "$here/verify.py" "$stage"
cd "$stage"
git init -q . && git add -A && git -c user.name=ann -c user.email=ann@shop.example -c commit.gpgsign=false commit -q -m "the pipeline"

say() { printf '\n== %s\n' "$*"; }
expect() {
    wanted=$1
    shift
    printf '$ %s\n' "$*"
    got=0
    "$@" || got=$?
    [ "$got" = "$wanted" ] || { printf 'expected exit code %s, got %s\n' "$wanted" "$got"; exit 1; }
}
offer() { # VERSION SMOOTHING: what the train job does
    error=$(python3 train.py "$1" "$2")
    baton handoff offer --subject "shop model $1" --artefact file:model.json --artefact git:HEAD \
        --check 'tests=python3 verify.py' --evidence "error=$error"
}
deploy() { # ID: what the deploy job does once it has waited
    expect 0 baton handoff wait "$1" --timeout 1m
    expect 0 baton handoff check "$1"
    cp model.json deployed.json
    echo "deployed"
}

say "model 7: trained, offered, taken by another person, deployed"
seven=$(offer 7 20)
[ "$seven" = "$(offer 7 20)" ] && echo "a job that runs again offers the same hand-off"
expect 22 baton handoff wait "$seven" --timeout 0s
baton inbox --as ben
expect 5 baton handoff accept "$seven" --as ann
expect 0 baton handoff accept "$seven" --as ben --reason "error is fine"
expect 4 baton handoff accept "$seven" --as ben
deploy "$seven"

say "model 8: its own check fails; it goes back before anybody is asked"
expect 20 offer 8 5000

say "model 8, mended: sent back by a person, offered again, taken"
eight=$(offer 8 60)
expect 0 baton handoff decline "$eight" --as ben --reason "no word about Sundays"
expect 20 baton handoff wait "$eight" --timeout 1m
eight=$(offer 8 40)
expect 0 baton handoff accept "$eight" --as ben
deploy "$eight"

say "model 9: somebody writes over the file between offer and acceptance"
nine=$(offer 9 20)
sed -i.was 's/"version": "9"/"version": "9, in a hurry"/' model.json
expect 4 baton handoff check "$nine"
expect 4 baton handoff accept "$nine" --as ben
expect 23 baton handoff wait "$nine" --timeout 1m
nine=$(offer 9 20)
expect 0 baton handoff accept "$nine" --as ben
deploy "$nine"

say "and once more after it was taken: the deploy job stops"
echo >> model.json
expect 0 baton handoff wait "$nine" --timeout 1m
expect 4 baton handoff check "$nine"

say "all of it is on the record"
expect 0 baton ledger verify
baton ledger show --kind handoff.
