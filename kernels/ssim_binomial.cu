// Structural similarity of luma over a 5x5 binomial window with zero padding, summed per region.
//
// A block holds the luma of a tile and its halo in shared memory. A thread walks down a column:
// each row gives horizontal sums, and four running pairwise additions turn the last five rows
// into their 1 4 6 4 1 sum. All moments are exact integers; the quotient is rounded as written.

#include "luma.cuh"
#include "region_sums.cuh"

constexpr int RADIUS = 2;
constexpr int COLUMNS = 64;  // width of a tile, one thread per column
constexpr int STRIPS = 4;    // threads per column, one below the other
constexpr int ROWS = 16;     // rows per thread
constexpr int WIDE = COLUMNS + 2 * RADIUS;
constexpr int HIGH = STRIPS * ROWS + 2 * RADIUS;
constexpr int THREADS = COLUMNS * STRIPS;

// the stabilisers (.01 * 255000)^2 and (.03 * 255000)^2, times the square of the window's sum, 256
constexpr long long C1 = 426147840000;
constexpr long long C2 = 3835330560000;

template <typename Integer>
struct Pairs {
    Integer one, two, three, four;

    // weighted sum of the last five values; meaningful from the fifth on
    __device__ __forceinline__ Integer push(Integer value)
    {
        const Integer first = value + one;
        const Integer second = first + two;
        const Integer third = second + three;
        const Integer fourth = third + four;
        one = value;
        two = first;
        three = second;
        four = third;
        return fourth;
    }
};

template <typename Integer>
__device__ __forceinline__ Integer binomial(Integer a, Integer b, Integer c, Integer d, Integer e)
{
    return a + e + 4 * (b + d) + 6 * c;
}

__device__ __forceinline__ double ssim(int sx, int sy, long long squares, long long product)
{
    const long long means = (long long)sx * sx + (long long)sy * sy;
    const long long mean_product = (long long)sx * sy;
    const double luminance = (double)(2 * mean_product + C1);
    const double structure = (double)(2 * (256 * product - mean_product) + C2);
    const double brightness = (double)(means + C1);
    const double contrast = (double)(256 * squares - means + C2);
    return (luminance * structure) / (brightness * contrast);
}

extern "C" __global__ void __launch_bounds__(256) ssim_binomial(
    const unsigned char* __restrict__ x,     // (batch, 3, height, width) through the strides below
    const unsigned char* __restrict__ y,     // (batch, 3, height, width) through the strides below
    const unsigned char* __restrict__ mask,  // (batch, regions, height, width), 0 or 1
    unsigned long long* __restrict__ sums,   // (batch, regions, SUMS), zero at the start
    int height, int width, int regions,
    long long x_batch, long long x_channel, long long x_pixel,
    long long y_batch, long long y_channel, long long y_pixel, long long mask_batch)
{
    __shared__ int tile_x[HIGH][WIDE];
    __shared__ int tile_y[HIGH][WIDE];
    __shared__ unsigned long long partial[THREADS / WARP][REGIONS * SUMS];

    const int layers = (regions + REGIONS - 1) / REGIONS;
    const long long image = blockIdx.z / layers;
    const int first_region = blockIdx.z % layers * REGIONS;
    const int here = min(regions - first_region, REGIONS);
    const long long pixels = (long long)height * width;
    x += image * x_batch;
    y += image * y_batch;
    mask += image * mask_batch + first_region * pixels;

    const int left = blockIdx.x * COLUMNS;
    const int top = blockIdx.y * STRIPS * ROWS;
    for (int i = threadIdx.x; i < HIGH * WIDE; i += THREADS) {
        const int row = top + i / WIDE - RADIUS;
        const int col = left + i % WIDE - RADIUS;
        const bool outside = row < 0 || row >= height || col < 0 || col >= width;
        const long long pixel = (long long)row * width + col;
        tile_x[i / WIDE][i % WIDE] = outside ? 0 : luma_of(x + pixel * x_pixel, x_channel);
        tile_y[i / WIDE][i % WIDE] = outside ? 0 : luma_of(y + pixel * y_pixel, y_channel);
    }
    __syncthreads();

    const int column = threadIdx.x % COLUMNS;
    const int strip = threadIdx.x / COLUMNS * ROWS;
    const int col = left + column;
    Pairs<int> window_x = {}, window_y = {};
    Pairs<long long> window_squares = {}, window_product = {};
    RegionSums totals = {};
    for (int i = 0; i < ROWS + 2 * RADIUS; ++i) {
        const int* u = &tile_x[strip + i][column];
        const int* v = &tile_y[strip + i][column];
        long long squares[2 * RADIUS + 1], products[2 * RADIUS + 1];
#pragma unroll
        for (int k = 0; k <= 2 * RADIUS; ++k) {
            squares[k] = (long long)u[k] * u[k] + (long long)v[k] * v[k];
            products[k] = (long long)u[k] * v[k];
        }
        const int sx = window_x.push(binomial(u[0], u[1], u[2], u[3], u[4]));
        const int sy = window_y.push(binomial(v[0], v[1], v[2], v[3], v[4]));
        const long long sq = window_squares.push(
            binomial(squares[0], squares[1], squares[2], squares[3], squares[4]));
        const long long sp = window_product.push(
            binomial(products[0], products[1], products[2], products[3], products[4]));

        const int row = top + strip + i - 2 * RADIUS;
        if (i < 2 * RADIUS || row >= height || col >= width) continue;
        const unsigned int inside = regions_of(mask + (long long)row * width + col, pixels, here);
        if (inside != 0) add_to_regions(totals, inside, in_steps(ssim(sx, sy, sq, sp)));
    }

    leave_warp_sums(totals, here, threadIdx.x, partial);
    __syncthreads();
    add_block_sums(partial, THREADS / WARP, here, threadIdx.x,
                   sums + (image * regions + first_region) * SUMS);
}
