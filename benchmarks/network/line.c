// A line between two network namespaces, for machines without netem: it delays, limits and loses packets.
//
//   line serve
//     Makes two network namespaces, each with a TUN device, and carries packets from one to the other. The kernel's own
//     TCP is at both ends. It prints "ready", and ends when its stdin does. Each line of stdin changes what follows:
//       RTT_MS FLOW LOSS LINE
//     FLOW limits each TCP connection, and LINE all of them together, in bytes a second and for each direction (0: no
//     limit). LOSS is the share of packets that are lost. The client is 10.77.0.1; the server is 10.77.0.2, .3 and .4.
//   line enter PID SIDE HOSTS COMMAND...
//     Runs a command at the side "client" or "server" of the line that PID serves, with HOSTS in place of /etc/hosts.
//     The command and all that it starts are killed if this process or its parent dies.
//
// Nothing has a name outside of these processes: the namespaces go with the last process in them. There is no route to
// anywhere else.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENT, SERVER, SIDES, NAMESPACE_FD = 10, CANNOT = 3, LARGEST = 65536 + 256, QUEUE_MS = 100, DEEPEST = 1 << 20 };

static const char *const ADDRESSES[SIDES][4] = {{"10.77.0.1"}, {"10.77.0.2", "10.77.0.3", "10.77.0.4"}};

typedef struct {
  int64_t at;
  uint64_t number;
  int from, length;
  unsigned char *bytes;
} Packet;

static struct {
  int64_t delay;
  double flow, loss, line;
} setting = {10000000, 80e6, 0, 0};

static Packet *heap;
static size_t waiting, room;
static int64_t flow_free[SIDES][65536], line_free[SIDES];
static int tun[SIDES];

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(errno == EPERM || errno == EACCES || errno == ENOENT || errno == ENODEV || errno == ENOSYS ? CANNOT : 1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// Packets that wait, the next one first. Those of one time keep their order.

static int is_before(const Packet *a, const Packet *b) {
  return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void swap(size_t a, size_t b) {
  Packet kept = heap[a];
  heap[a] = heap[b];
  heap[b] = kept;
}

static void wait_for_turn(Packet packet) {
  if (waiting == room) {
    room = room ? room * 2 : 1024;
    heap = realloc(heap, room * sizeof *heap);
    if (!heap) fail("memory");
  }
  size_t at = waiting++;
  heap[at] = packet;
  for (; at && is_before(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

static Packet take_next(void) {
  Packet next = heap[0];
  heap[0] = heap[--waiting];
  for (size_t at = 0;;) {
    size_t least = at;
    for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
      if (child < waiting && is_before(&heap[child], &heap[least])) least = child;
    if (least == at) return next;
    swap(at, least);
    at = least;
  }
}

// Large packets pass whole (GSO), since else the system calls of small ones would be the limit. Where packets are lost
// or queue up before a slow line they have the size of real ones.
static void set_offload(void) {
  unsigned whole = setting.loss > 0 || setting.line > 0 ? 0 : TUN_F_CSUM | TUN_F_TSO4;
  for (int side = 0; side < SIDES; side++)
    if (ioctl(tun[side], TUNSETOFFLOAD, whole) < 0) fail("TUNSETOFFLOAD");
}

static void obey(const char *text) {
  double rtt, flow, loss, line;
  if (sscanf(text, "%lf %lf %lf %lf", &rtt, &flow, &loss, &line) != 4) {
    fprintf(stderr, "not a setting: %s", text);
    exit(2);
  }
  setting.delay = (int64_t)(rtt * 5e5);
  setting.flow = flow;
  setting.loss = loss;
  setting.line = line;
  set_offload();
  puts("set");
  fflush(stdout);
}

// The client's port tells the connection: servers have low ones.
static unsigned flow_of(const unsigned char *packet, int length) {
  if (length < 24 || packet[0] >> 4 != 4) return 0;
  int header = (packet[0] & 15) * 4;
  if (length < header + 4) return 0;
  unsigned source = packet[header] << 8 | packet[header + 1], target = packet[header + 2] << 8 | packet[header + 3];
  return source > target ? source : target;
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

// When a packet is on the other side; 0 if it never is.
static int64_t arrival(int side, const unsigned char *packet, int length) {
  int64_t at = now();
  if (setting.loss > 0 && drand48() < setting.loss) return 0;
  if (setting.line > 0) { // its queue is finite, as that of a router
    if (line_free[side] - at > QUEUE_MS * 1000000LL) return 0;
    line_free[side] = at = later(line_free[side], at) + (int64_t)(length * 1e9 / setting.line);
  }
  if (setting.flow > 0) { // a storage that gives each connection so much loses nothing
    int64_t *free_at = &flow_free[side][flow_of(packet, length)];
    *free_at = at = later(*free_at, at) + (int64_t)(length * 1e9 / setting.flow);
  }
  return at + setting.delay;
}

static void take_in(int side) {
  static unsigned char buffer[LARGEST];
  static uint64_t numbers;
  const int before = sizeof(struct virtio_net_hdr);
  for (int count = 0; count < 64 && waiting < DEEPEST; count++) {
    ssize_t length = read(tun[side], buffer, sizeof buffer);
    if (length <= before) return;
    int64_t at = arrival(side, buffer + before, (int)length - before);
    if (!at) continue;
    Packet packet = {at, numbers++, side, (int)length, malloc(length)};
    if (!packet.bytes) fail("memory");
    memcpy(packet.bytes, buffer, length);
    wait_for_turn(packet);
  }
}

static void give_out(void) {
  while (waiting && heap[0].at <= now()) {
    Packet packet = take_next();
    // What cannot be delivered is a packet lost: TCP sends it again.
    if (write(tun[1 - packet.from], packet.bytes, packet.length) < 0 && errno != EIO && errno != EAGAIN &&
        errno != EINVAL)
      fail("write");
    free(packet.bytes);
  }
}

static void carry(void) {
  char text[256];
  for (;;) {
    give_out();
    struct timespec rest, *until = NULL;
    if (waiting) {
      int64_t left = later(heap[0].at - now(), 0);
      rest = (struct timespec){left / 1000000000, left % 1000000000};
      until = &rest;
    }
    struct pollfd ready[] = {{tun[CLIENT], POLLIN, 0}, {tun[SERVER], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (ppoll(ready, 3, until, NULL) < 0) continue;
    for (int side = 0; side < SIDES; side++)
      if (ready[side].revents & POLLIN) take_in(side);
    if (ready[2].revents) {
      ssize_t length = read(STDIN_FILENO, text, sizeof text - 1);
      if (length <= 0) exit(0); // the parent is gone
      text[length] = 0;
      obey(text);
    }
  }
}

static void configure(int control, struct ifreq *device, unsigned long what, const char *why) {
  if (ioctl(control, what, device) < 0) fail(why);
}

static void set_address(struct ifreq *device, const char *text) {
  struct sockaddr_in *address = (struct sockaddr_in *)&device->ifr_addr;
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  inet_pton(AF_INET, text, &address->sin_addr);
}

static void raise_device(int control, const char *name) {
  struct ifreq device = {0};
  strcpy(device.ifr_name, name);
  device.ifr_flags = IFF_UP | IFF_RUNNING;
  configure(control, &device, SIOCSIFFLAGS, "SIOCSIFFLAGS");
}

// Writes a setting that is good to have: without it, all goes on.
static void write_to(const char *path, const char *text) {
  int file = open(path, O_WRONLY);
  if (file < 0) return;
  ssize_t ignored = write(file, text, strlen(text));
  (void)ignored;
  close(file);
}

static void make_side(int side) {
  if (unshare(CLONE_NEWNET) < 0) fail("a network namespace cannot be made");
  int here = open("/proc/thread-self/ns/net", O_RDONLY);
  if (here < 0 || dup2(here, NAMESPACE_FD + side) < 0) fail("the network namespace cannot be kept");
  close(here);
  tun[side] = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tun[side] < 0) fail("/dev/net/tun cannot be opened");
  struct ifreq device = {0};
  strcpy(device.ifr_name, "line");
  device.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(tun[side], TUNSETIFF, &device) < 0) fail("a TUN device cannot be made");
  int header = sizeof(struct virtio_net_hdr);
  if (ioctl(tun[side], TUNSETVNETHDRSZ, &header) < 0) fail("TUNSETVNETHDRSZ");
  int control = socket(AF_INET, SOCK_DGRAM, 0);
  if (control < 0) fail("socket");
  raise_device(control, "lo");
  for (int number = 0; ADDRESSES[side][number]; number++) {
    snprintf(device.ifr_name, IFNAMSIZ, number ? "line:%d" : "line", number);
    set_address(&device, ADDRESSES[side][number]);
    configure(control, &device, SIOCSIFADDR, "SIOCSIFADDR");
    set_address(&device, "255.255.255.0");
    configure(control, &device, SIOCSIFNETMASK, "SIOCSIFNETMASK");
  }
  strcpy(device.ifr_name, "line");
  device.ifr_qlen = 10000;
  configure(control, &device, SIOCSIFTXQLEN, "SIOCSIFTXQLEN");
  raise_device(control, "line");
  close(control);
  write_to("/proc/sys/net/ipv4/tcp_no_metrics_save", "1"); // a connection learns nothing from the one before
}

// On a busy machine the line would be late, and clients would wait for the processor instead of for the line. So both
// go first, as far as the kernel lets them: by session if it shares the processor so, else by process.
static void go_first(void) {
  setsid();
  write_to("/proc/self/autogroup", "-20");
  setpriority(PRIO_PROCESS, 0, -20);
}

static int serve(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  go_first();
  srand48(1);
  for (int side = 0; side < SIDES; side++) make_side(side);
  set_offload();
  puts("ready");
  fflush(stdout);
  carry();
  return 0;
}

static int enter(char **words) {
  pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) return 1;
  go_first();
  char path[64];
  int side = strcmp(words[1], "server") ? CLIENT : SERVER;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", atoi(words[0]), NAMESPACE_FD + side);
  int there = open(path, O_RDONLY | O_CLOEXEC);
  if (there < 0 || setns(there, CLONE_NEWNET) < 0) fail("the side of the line cannot be entered");
  if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0) fail("namespaces cannot be made");
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("mounts cannot be made private");
  if (mount(words[2], "/etc/hosts", NULL, MS_BIND, NULL) < 0) fail("/etc/hosts cannot be replaced");
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) { // the first process of its namespace: all others in it end with it
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (mount("proc", "/proc", "proc", 0, NULL) < 0) fail("/proc cannot be mounted");
    execvp(words[3], words + 3);
    fail(words[3]);
  }
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **words) {
  if (count == 2 && !strcmp(words[1], "serve")) return serve();
  if (count > 5 && !strcmp(words[1], "enter")) return enter(words + 2);
  fputs("line serve | line enter PID SIDE HOSTS COMMAND...\n", stderr);
  return 2;
}
