# name file old new filter
cd /tmp/large-mut
cp s/$2 keep; python3 - "$2" "$3" "$4" <<'P'
import sys
f='s/'+sys.argv[1]; t=open(f).read(); assert t.count(sys.argv[2])==1, sys.argv[2]; open(f,'w').write(t.replace(sys.argv[2],sys.argv[3]))
P
ninja -C b -j2 graceslab_shared >out 2>&1 || tail -3 out
lib=$(find b -name 'libgraceslab.so*' -type f | head -1)
echo "== $1"; LD_PRELOAD=$PWD/$lib timeout 60 /tmp/b-large/tests/scenario --gtest_filter="$5" --gtest_brief=1 2>&1 | grep -E "^\[  (FAILED|PASSED)|Segm" | sort -u | head -14; echo "rc ${PIPESTATUS[0]}"
cp keep s/$2
