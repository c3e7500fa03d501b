// A library for LD_PRELOAD by which tests change the machine that the daemon sees: its clock, and how its disk takes fsync. The file
// that TGRELAY_SHIM names holds struct orders; a test writes to it while the daemon runs.
//
// Go asks the vDSO for the time, past the C library: its clock_gettime is overwritten with a jump to ours. Only the clock on the
// wall jumps; the monotonic one goes on, as on a machine whose clock is set. SQLite is C and calls fsync and fdatasync by name.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the jump is written for x86-64"
#endif

struct orders {
	int64_t ahead;      // nanoseconds by which the clock on the wall is ahead
	int64_t sync_delay; // nanoseconds that each fsync takes longer
	int64_t sync_errno; // with which each fsync fails; 0: it does not
	int64_t syncs;      // how many there were
};

static volatile struct orders *orders;

static long raw(long number, long a, long b)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return result;
}

// shifted runs on the small stacks of Go's threads, and in signal handlers: it calls nothing.
static int shifted(clockid_t id, struct timespec *ts)
{
	long result = raw(SYS_clock_gettime, id, (long)ts);
	if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		int64_t at = ts->tv_sec * 1000000000LL + ts->tv_nsec + orders->ahead;
		ts->tv_sec = at / 1000000000LL;
		ts->tv_nsec = at % 1000000000LL;
	}
	return result;
}

// symbol finds a function of the vDSO by name.
static char *symbol(char *base, const char *name)
{
	Elf64_Ehdr *head = (void *)base;
	Elf64_Phdr *segment = (void *)(base + head->e_phoff);
	Elf64_Dyn *dynamic = NULL;
	char *load = NULL, *strings = NULL;
	Elf64_Sym *symbols = NULL;
	for (int i = 0; i < head->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD)
			load = base + segment[i].p_offset - segment[i].p_vaddr;
		if (segment[i].p_type == PT_DYNAMIC)
			dynamic = (void *)(base + segment[i].p_offset);
	}
	for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_STRTAB)
			strings = load + dynamic->d_un.d_ptr;
		if (dynamic->d_tag == DT_SYMTAB)
			symbols = (void *)(load + dynamic->d_un.d_ptr);
	}
	if (strings == NULL || symbols == NULL)
		return NULL;
	for (Elf64_Sym *s = symbols; (char *)s < strings; s++) // the strings follow the symbols
		if (strcmp(strings + s->st_name, name) == 0)
			return load + s->st_value;
	return NULL;
}

static void die(const char *why)
{
	static const char what[] = "shim: ";
	(void)!write(2, what, sizeof what - 1);
	(void)!write(2, why, strlen(why));
	(void)!write(2, "\n", 1);
	_exit(70);
}

__attribute__((constructor)) static void start(void)
{
	const char *file = getenv("TGRELAY_SHIM");
	int fd = file == NULL ? -1 : open(file, O_RDWR);
	orders = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (orders == MAP_FAILED)
		die("TGRELAY_SHIM names no file of orders");
	close(fd);
	char *base = (char *)getauxval(AT_SYSINFO_EHDR), *entry = base == NULL ? NULL : symbol(base, "__vdso_clock_gettime");
	if (entry == NULL)
		die("no clock in the vDSO");
	uintptr_t page = (uintptr_t)entry & ~4095UL;
	if (mprotect((void *)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) != 0 && mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		die("the vDSO cannot be written");
	unsigned char jump[] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; // movabs rax, shifted; jmp rax
	int (*to)(clockid_t, struct timespec *) = shifted;
	memcpy(jump + 2, &to, sizeof to);
	memcpy(entry, jump, sizeof jump);
}

static int slow(int fd, const char *name)
{
	int (*real)(int) = dlsym(RTLD_NEXT, name);
	__atomic_add_fetch(&orders->syncs, 1, __ATOMIC_SEQ_CST);
	int64_t delay = orders->sync_delay;
	if (delay > 0) {
		struct timespec wait = {delay / 1000000000LL, delay % 1000000000LL};
		while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
			;
	}
	if (orders->sync_errno != 0) {
		errno = (int)orders->sync_errno;
		return -1;
	}
	return real(fd);
}

int fsync(int fd) { return slow(fd, "fsync"); }
int fdatasync(int fd) { return slow(fd, "fdatasync"); }
