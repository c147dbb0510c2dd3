#!/bin/bash
# The tests in one place of a machine; see run.sh.
export TMPDIR=/tmp/$place SANDBOX_INIT=/payload/sandbox-init SANDBOX_TOOLCHAINS=/nowhere SANDBOX_CACHE=/tmp/$place/cache HOME=/tmp/$place
mkdir -p $TMPDIR
case $suite in
short) options=(-test.short "-test.run=^Test(Outcomes|V2|AnOrdinary|SystemCalls|Foreign|BombsAreContained|MemoryOfEarlierRuns|ManyAtOnce|GroupsOfDead|Programs|Failures|Beside|Eight|Verdicts|LimitsOfEach)") ;;
*) options=() ;;
esac
for package in birth wire sandbox runner; do
  echo "@@ package $package"
  cd /payload/$package
  ./$package.test -test.v -test.timeout=30m "${options[@]}"
  echo "@@ exit $?"
done
echo "@@ package judge0"
case $place in undelegated) require=false ;; *) require=true ;; esac
require=$require python3 /payload/submit.py
echo "@@ exit $?"
