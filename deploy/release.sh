#!/usr/bin/env bash
# release.sh builds static binaries for all systems into dist/, with their archives, packages (deb, rpm), checksums and SBOM. The same
# commit, Go and zig give the same bytes. ZIG is the C compiler for Linux; PLATFORMS and VERSION can be set, too.
set -euo pipefail
cd "$(dirname "$0")/.."
git diff --quiet HEAD || {
	echo "release.sh: the tree has changes: commit them first, so that the version names what is built" >&2
	exit 1
}
zig=${ZIG:?the command that runs zig, such as .cache/zig-venv/bin/python -m ziglang}
platforms=${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64}
nfpm="go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.41.3"
cyclonedx="go run -trimpath github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0"
commit=$(git log -1 --format=%H)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null || echo "v0.0.0-$(TZ=UTC git log -1 --date=format-local:%Y%m%d%H%M%S --format=%cd)-${commit:0:12}")
VERSION=${VERSION:-${tag#v}}
export VERSION SOURCE_DATE_EPOCH
export GOTOOLCHAIN=auto # the Go that go.mod names, if this machine's is older

# compile writes the binary for a system. Linux gets SQLite in C, linked with musl; for the others it is SQLite in Go, which is slower
# but needs no compiler for that system. What Go's build ID and what musl's debugging information tell of the folder is left out.
compile() {
	local os=$1 arch=$2 to=$3 machine=x86_64
	if [[ $os = linux ]]; then
		[[ $arch = arm64 ]] && machine=aarch64
		CC="$zig cc -target $machine-linux-musl" GOOS=$os GOARCH=$arch CGO_ENABLED=1 go build -trimpath -buildvcs=true \
			-ldflags "-s -w -buildid= -linkmode=external -extldflags '-static -s'" -o "$to" ./cmd/jobdb
	else
		GOOS=$os GOARCH=$arch CGO_ENABLED=0 go build -trimpath -buildvcs=true \
			-ldflags "-s -w -buildid=" -o "$to" ./cmd/jobdb
	fi
}

# archive packs a folder of dist/ so that the bytes depend on what is in it only.
archive() {
	local name=$1
	tar -C dist --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "$name" | gzip -n -9 >"dist/$name.tar.gz"
}

rm -rf dist
mkdir -p dist/completion
go build -o dist/jobdb ./cmd/jobdb # to ask for its manual and its completion
dist/jobdb man --dir dist/man
for shell in bash zsh fish; do
	dist/jobdb completion $shell >dist/completion/$shell
done
rm dist/jobdb
for platform in $platforms; do
	os=${platform%/*} arch=${platform#*/}
	name=jobdb_${VERSION}_${os}_${arch}
	mkdir "dist/$name"
	program=jobdb
	[[ $os = windows ]] && program=jobdb.exe
	echo "$name"
	compile "$os" "$arch" "dist/$name/$program"
	cp -r LICENSE README.md CHANGELOG.md docs/licences.md dist/man dist/completion "dist/$name"
	archive "$name"
done
for platform in $platforms; do
	[[ $platform = linux/* ]] || continue
	export ARCH=${platform#*/}
	for packager in deb rpm; do
		$nfpm package --config deploy/nfpm.yaml --packager $packager --target dist/
	done
done
CGO_ENABLED=0 $cyclonedx app -json -licenses -std -noserial -main cmd/jobdb -output "dist/jobdb_$VERSION.cdx.json" .
sed -i "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)\"/" "dist/jobdb_$VERSION.cdx.json" # else it is now
cd dist
sha256sum ./*.tar.gz ./*.deb ./*.rpm ./*.json >SHA256SUMS
cat SHA256SUMS
