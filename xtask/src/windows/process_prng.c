/* bcryptprimitives.dll for wine 8, which has none: Rust's std asks it for random bytes. Never part of what is shipped. */
#include <windows.h>

/* What Windows calls RtlGenRandom; advapi32 exports it under this name only. */
BOOLEAN NTAPI SystemFunction036(PVOID bytes, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T length)
{
    /* std asks for a few bytes at a time; SystemFunction036 can give 4 GiB at most. */
    while (length > 0) {
        ULONG part = length > 0x10000000 ? 0x10000000 : (ULONG)length;
        if (!SystemFunction036(bytes, part))
            return FALSE;
        bytes += part;
        length -= part;
    }
    return TRUE;
}
