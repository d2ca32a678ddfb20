// What Python calls: the argument types of the kernel, as the compiler sees them, and a launch.
#pragma once
#include <string>
#include <type_traits>

namespace cuda_on_cpu {

template <class T>
std::string type_name()
{
    if constexpr (std::is_pointer_v<T>)
        return type_name<std::remove_cv_t<std::remove_pointer_t<T>>>() + "*";
    else
        return (std::is_floating_point_v<T> ? "float" : std::is_signed_v<T> ? "int" : "uint")
             + std::to_string(8 * sizeof(T));
}

template <auto function>
struct Kernel;

template <class... Arguments, void (*function)(Arguments...)>
struct Kernel<function> {
    template <size_t... I>
    static void unpack(void** arguments, std::index_sequence<I...>)
    {
        function(*static_cast<std::remove_cv_t<Arguments>*>(arguments[I])...);
    }
    static void call(void** arguments)
    {
        unpack(arguments, std::index_sequence_for<Arguments...>());
    }
    static std::string signature()
    {
        std::string names;
        ((names += type_name<Arguments>() + " "), ...);
        return names;
    }
};

}  // namespace cuda_on_cpu

extern "C" const char* cuda_on_cpu_signature()
{
    static const std::string text = cuda_on_cpu::Kernel<&KERNEL>::signature();
    return text.c_str();
}

extern "C" const char* cuda_on_cpu_report() { return cuda_on_cpu::report; }

extern "C" bool cuda_on_cpu_launch(
    const unsigned* grid, const unsigned* block, void** arguments, uint64_t seed)
{
    using namespace cuda_on_cpu;
    report[0] = 0;
    grid_extent = {grid[0], grid[1], grid[2]};
    block_extent = {block[0], block[1], block[2]};
    kernel = &Kernel<&KERNEL>::call;
    kernel_arguments = arguments;
    return run(seed);
}
